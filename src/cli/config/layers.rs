//! The layers that the configuration is made of, and which of them a value comes from.

use std::path::{Path, PathBuf};

use super::table::{Variables, variable_of};
use super::{Config, ConfigError};
use crate::system::{machine_settings, user_settings};
use std::{fs, io};

/// One layer; a later one goes over it.
pub(super) struct Layer {
    origin: Origin,
    pub(super) config: Config,
}

enum Origin {
    Defaults,
    File(PathBuf, String),
    Environment,
}

/// A setting, its value, and where that comes from.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explained {
    /// The key with its section, such as `produce.fps`.
    pub key: String,
    /// Its value, as a file would have it; `None` is not set.
    pub value: Option<String>,
    /// The file and the line, the variable, or `default`.
    pub origin: String,
}

/// Returns every setting with its origin; flags, which are of one command, are not known here.
///
/// # Errors
/// As [`Config::load`].
pub fn explain(explicit: Option<&Path>) -> Result<Vec<Explained>, ConfigError> {
    explain_with(explicit, &machine_settings(), &|name| {
        std::env::var_os(name)
    })
}

fn explain_with(
    explicit: Option<&Path>,
    system: &Path,
    variable: Variables<'_>,
) -> Result<Vec<Explained>, ConfigError> {
    let layers = layers(explicit, system, variable)?;
    Config::of_layers(&layers).check()?;
    Ok(explained(&layers))
}

/// Every setting with the layer that won.
pub(super) fn explained(layers: &[Layer]) -> Vec<Explained> {
    let mut found: Vec<Explained> = Vec::new();
    for layer in layers {
        for (key, value) in layer.config.settings() {
            let known = found.iter_mut().find(|explained| explained.key == key);
            let origin = value.as_ref().map(|_| layer.origin.of(&key));
            match (known, origin) {
                (Some(known), Some(origin)) => (known.value, known.origin) = (value, origin),
                (Some(_), None) => {}
                (None, origin) => found.push(Explained {
                    key,
                    value,
                    origin: origin.unwrap_or_else(|| "not set".to_owned()),
                }),
            }
        }
    }
    // A section of a bus names what it sets, and nothing else.
    found.retain(|explained| explained.value.is_some() || !explained.key.starts_with("bus."));
    found
}

/// Reads the layers, lowest first. `explicit` stands for all files and must be there.
pub(super) fn layers(
    explicit: Option<&Path>,
    system: &Path,
    variable: Variables<'_>,
) -> Result<Vec<Layer>, ConfigError> {
    let mut layers = vec![Layer {
        origin: Origin::Defaults,
        config: Config::defaults(),
    }];
    let files = match explicit {
        Some(path) => vec![path.to_owned()],
        None => [Some(system.to_owned()), user_settings(variable)]
            .into_iter()
            .flatten()
            .collect(),
    };
    for path in files {
        match Config::read(&path) {
            Ok((config, text)) => layers.push(Layer {
                origin: Origin::File(path, text),
                config,
            }),
            Err(ConfigError::Read { source, .. })
                if explicit.is_none() && is_absent(&path, &source) => {}
            Err(error) => return Err(error),
        }
    }
    layers.push(Layer {
        origin: Origin::Environment,
        config: Config::of_environment(variable)?,
    });
    Ok(layers)
}

impl Origin {
    fn of(&self, key: &str) -> String {
        match self {
            Origin::Defaults => "default".to_owned(),
            Origin::Environment => variable_of(key),
            Origin::File(path, text) => match line_of(text, key) {
                Some(line) => format!("{} line {line}", path.display()),
                None => path.display().to_string(),
            },
        }
    }
}

/// The line of a key, from 1: below the section that it names.
fn line_of(text: &str, key: &str) -> Option<usize> {
    let (section, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut current = "";
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix('[') {
            current = rest.split(']').next().unwrap_or("").trim();
        } else if current == section
            && line
                .split_once('=')
                .is_some_and(|(left, _)| left.trim() == name)
        {
            return Some(number);
        }
    }
    None
}

/// A service's home is often `/nonexistent` or `/dev/null`, or another user's, into which it may not even look. A file that
/// is there and may not be read is an error.
fn is_absent(path: &Path, error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => true,
        io::ErrorKind::PermissionDenied => fs::symlink_metadata(path).is_err(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_explained_by_the_layer_that_won() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("a.toml");
        let text = "[produce]\nfps = 10\nconsumers = 3\n\n[bus.cam7]\nsource = \"gate.y4m\"\n";
        std::fs::write(&path, text).expect("write");
        let variable = |name: &str| (name == "FRAMEBUS_PRODUCE_FPS").then(|| "20".into());
        let found = explain_with(Some(&path), Path::new("/nonexistent"), &variable).expect("valid");
        let of = |key: &str| {
            let found = found
                .iter()
                .find(|explained| explained.key == key)
                .expect(key);
            (
                found.value.as_deref(),
                found.origin.replace(&path.display().to_string(), "a.toml"),
            )
        };
        assert_eq!(
            of("produce.fps"),
            (Some("20"), "FRAMEBUS_PRODUCE_FPS".to_owned())
        );
        assert_eq!(
            of("produce.consumers"),
            (Some("3"), "a.toml line 3".to_owned())
        );
        assert_eq!(
            of("bus.cam7.source"),
            (Some("gate.y4m"), "a.toml line 6".to_owned())
        );
        assert_eq!(of("produce.mode"), (Some("0600"), "default".to_owned()));
        assert_eq!(of("produce.size"), (None, "not set".to_owned()));
        assert!(
            !found
                .iter()
                .any(|explained| explained.key == "bus.cam7.fps")
        );
    }

    #[test]
    fn a_bus_has_its_own_settings_and_the_environment_wins_over_them() {
        let directory = tempfile::tempdir().expect("directory");
        let path = directory.path().join("a.toml");
        let text = "[produce]\nfps = 10\nhistory = 2\n[bus.cam0]\nfps = 5\nsource = \"a.mp4\"\n[bus.cam1]\ncolor = true\n";
        std::fs::write(&path, text).expect("write");
        let load = |variable: Variables<'_>| {
            Config::load_with(Some(&path), Path::new("/nonexistent"), variable).expect("valid")
        };
        let config = load(&|_| None);
        let (cam0, cam1) = (config.of_bus("cam0"), config.of_bus("cam1"));
        assert_eq!(
            (cam0.fps, cam0.history, cam0.source.as_deref()),
            (Some(5.0), Some(2), Some("a.mp4"))
        );
        assert_eq!(
            (cam1.fps, cam1.color, cam1.source.as_deref()),
            (Some(10.0), Some(true), Some("pattern"))
        );
        let config = load(&|name| (name == "FRAMEBUS_PRODUCE_FPS").then(|| "7".into()));
        assert_eq!(config.of_bus("cam0").fps, Some(7.0));
        std::fs::write(&path, "[bus.CAM]\nfps = 5\n").expect("write");
        let error = Config::load_with(Some(&path), Path::new("/nonexistent"), &|_| None);
        let error = error.expect_err("a bad name").to_string();
        assert!(
            error.contains("line 1") && error.contains("'CAM' is not valid"),
            "{error}"
        );
    }
}
