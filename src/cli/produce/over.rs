//! Flags over the configuration.

use std::ffi::OsString;
use std::path::PathBuf;

use super::super::camera_words::Backend;
use super::super::choose_bus;
use super::super::config::Config;
use super::super::units::parse_group;
use super::camera::is_http;
use super::{PATTERN, ProduceArgs};
use framebus::source::SourceSpec;

impl ProduceArgs {
    /// Takes from the configuration what no flag has set.
    pub(super) fn over(&self, config: &Config) -> anyhow::Result<ProduceArgs> {
        let bus = choose_bus(self.bus.as_ref(), config)?;
        let named = config.of_bus(bus.as_str());
        let named_source = || named.source.clone().map(OsString::from);
        let source = self.source.clone().or_else(named_source);
        let source = source.unwrap_or_else(|| PATTERN.into());
        // A size that the configuration has for cameras means nothing for what has a size of its own.
        let takes_size = match SourceSpec::of(&source) {
            Ok(SourceSpec::Stdin) => self.format.is_some(),
            Ok(SourceSpec::Recording(_)) => false,
            _ => true,
        };
        let backend = self.backend.or(named.backend);
        // And what it has for cameras means nothing for others.
        let native = backend != Some(Backend::Opencv)
            && matches!(SourceSpec::of(&source), Ok(SourceSpec::Camera(_)));
        let over_http = backend != Some(Backend::Opencv)
            && SourceSpec::of(&source).is_ok_and(|spec| is_http(&spec));
        let place = |key| config.place(bus.as_str(), key);
        let group = named.group.as_deref().filter(|_| self.group.is_none());
        let group = group
            .map(|name| {
                parse_group(name)
                    .map_err(|why| anyhow::anyhow!("{}: {name:?} {why}", place("group")))
            })
            .transpose()?;
        // A flag for colour comes before a list of the configuration.
        let of_file = named.planes.clone().filter(|_| !self.color);
        let planes = self.planes.clone().or(of_file);
        Ok(ProduceArgs {
            fps: self.fps.or(named.fps.filter(|_| self.speed.is_none())),
            range: self.range.or(named.range),
            size: self.size.or(named.size.filter(|_| takes_size)),
            open_timeout: self.open_timeout.or(named.open_timeout),
            read_timeout: self.read_timeout.or(named.read_timeout),
            ca: self.ca.clone().or_else(|| {
                let ca = named.ca.as_ref().filter(|_| over_http);
                ca.map(PathBuf::from)
            }),
            consumers: self.consumers.or(named.consumers),
            history: self.history.or(named.history),
            color: match &planes {
                Some(planes) => planes.has_colour(),
                None => self.color || named.color == Some(true),
            },
            looped: self.looped || named.looped == Some(true),
            mode: self.mode.or(named.mode),
            group: self.group.or(group),
            fourcc: self.fourcc.or(named.fourcc.filter(|_| native)),
            settings: match named
                .settings
                .clone()
                .filter(|_| native && self.settings.is_empty())
            {
                Some(settings) => settings,
                None => self.settings.clone(),
            },
            backend,
            bgr_fps: self.bgr_fps.or(named.bgr_fps),
            color_by: match (&self.planes, &planes, self.color) {
                (Some(_), _, _) => Some("--planes".to_owned()),
                (None, Some(_), _) => Some(place("planes").to_string()),
                (None, None, true) => None,
                (None, None, false) => Some(place("color").to_string()),
            },
            planes,
            bus: Some(bus),
            source: Some(source),
            ..self.clone()
        })
    }
}
