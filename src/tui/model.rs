//! The state of the view. It is changed by `update` alone and drawn by `view` alone.

use std::collections::BTreeMap;
use std::time::Duration;

use super::keys::Screen;
use super::lens::Lens;
use super::rows::Listing;
use super::theme::{Glyphs, Theme};
use super::track::{ConsumerKey, Track};
use super::{Options, Wants};
use framebus::observe::{Consumer, Picture, Snapshot};

/// The intervals between samples that `+` and `-` step through, in milliseconds.
pub(crate) const INTERVALS_MS: [u64; 7] = [100, 200, 500, 1000, 2000, 5000, 10_000];

/// What lies over the screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The help.
    Help,
    /// One consumer.
    Detail(ConsumerKey),
}

/// What a click on a place does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    Screen(Screen),
    Consumer(ConsumerKey),
    Slot(u8),
    /// A bus, by its place in the list.
    Bus(usize),
}

/// A place that can be clicked: a row, from a column to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hit {
    pub(crate) y: u16,
    pub(crate) x: (u16, u16),
    pub(crate) target: Target,
}

impl Hit {
    /// Returns the bus that is seen there, by its place in the list.
    const fn bus(&self) -> Option<usize> {
        match self.target {
            Target::Bus(at) => Some(at),
            _ => None,
        }
    }
}

/// The state of the view.
#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) bus: String,
    pub(crate) buses: Vec<String>,
    tracks: BTreeMap<String, Track>,
    frozen: Option<BTreeMap<String, Track>>,
    pub(crate) screen: Screen,
    pub(crate) overlay: Overlay,
    pub(crate) listing: Listing,
    /// Whether keys go into the filter.
    pub(crate) editing: bool,
    pub(crate) selected: Option<ConsumerKey>,
    /// Where the selected row was, for when it goes.
    pub(crate) selected_at: usize,
    pub(crate) selected_slot: Option<u8>,
    /// Rows the log is scrolled up, the help down.
    pub(crate) scroll: usize,
    pub(crate) lens: Lens,
    /// The slot that View shows; the newest frame when there is none.
    pub(crate) view_slot: Option<u8>,
    pub(crate) thumbnails: bool,
    pub(crate) mouse: bool,
    pub(crate) theme: Theme,
    pub(crate) true_colour: bool,
    pub(crate) glyphs: &'static Glyphs,
    pub(crate) interval_ms: u64,
    pub(crate) notice: Option<String>,
    pub(crate) hits: Vec<Hit>,
    /// Whether there is something new to draw.
    pub(crate) dirty: bool,
}

impl Model {
    /// Makes the state at the start.
    pub(crate) fn new(options: &Options) -> Model {
        Model {
            bus: options.bus.clone(),
            buses: vec![options.bus.clone()],
            tracks: BTreeMap::new(),
            frozen: None,
            screen: if options.all_buses {
                Screen::Buses
            } else {
                Screen::Overview
            },
            overlay: Overlay::None,
            listing: Listing::default(),
            editing: false,
            selected: None,
            selected_at: 0,
            selected_slot: None,
            scroll: 0,
            lens: Lens {
                renderer: options.renderer,
                protocol: options.renderer.protocol(),
                // Colours are several times the bytes: over a slow line they are for those who ask.
                colour: options.picture_interval < Duration::from_secs(1),
                ..Lens::default()
            },
            view_slot: None,
            thumbnails: options.thumbnails,
            mouse: options.mouse,
            theme: options.theme,
            true_colour: options.true_colour,
            glyphs: Glyphs::of(options.ascii),
            interval_ms: u64::try_from(options.interval.as_millis())
                .unwrap_or(u64::MAX)
                .clamp(INTERVALS_MS[0], 10_000),
            notice: None,
            hits: Vec::new(),
            dirty: true,
        }
    }

    /// Returns what is remembered of the bus that is shown, as of the moment that is shown.
    pub(crate) fn track(&self) -> Option<&Track> {
        self.track_of(&self.bus)
    }

    /// Returns what is remembered of any bus, as of the moment that is shown.
    pub(crate) fn track_of(&self, bus: &str) -> Option<&Track> {
        self.frozen.as_ref().unwrap_or(&self.tracks).get(bus)
    }

    /// Takes a snapshot of any bus.
    pub(crate) fn ingest(&mut self, snapshot: Snapshot) {
        let track = self.tracks.entry(snapshot.bus.clone()).or_default();
        track.ingest(snapshot);
    }

    /// Takes the newest picture of any bus, for the screen of all buses; returns whether it is another one.
    pub(crate) fn take_picture(&mut self, bus: &str, picture: Picture) -> bool {
        let Some(track) = self.tracks.get_mut(bus) else {
            return false;
        };
        let what = |picture: &Picture| (picture.slot, picture.sequence);
        let is_new = track.latest_picture().map(what) != Some(what(&picture));
        if bus != self.bus {
            // One each is enough: there may be many buses.
            track.pictures.clear();
        }
        track.take_pictures(vec![picture]);
        is_new
    }

    /// Forgets the buses that are gone.
    pub(crate) fn forget_buses(&mut self) {
        let buses = &self.buses;
        self.tracks.retain(|bus, _| buses.contains(bus));
    }

    /// Returns the buses whose pictures the screen of all buses shows: those that it has drawn, or all before that.
    pub(crate) fn pictured_buses(&self) -> Vec<String> {
        if self.screen != Screen::Buses
            || !self.thumbnails
            || self.is_frozen()
            || self.overlay != Overlay::None
        {
            return Vec::new();
        }
        let drawn = self.hits.iter().filter_map(Hit::bus);
        let mut drawn: Vec<usize> = drawn.collect();
        drawn.sort_unstable();
        drawn.dedup();
        if drawn.is_empty() {
            return self.buses.clone();
        }
        let bus = |at: usize| self.buses.get(at).cloned();
        drawn.into_iter().filter_map(bus).collect()
    }

    /// Returns what is remembered of the bus now, frozen or not.
    pub(crate) fn live(&mut self) -> &mut Track {
        self.tracks.entry(self.bus.clone()).or_default()
    }

    /// Returns whether the screen stands still.
    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen.is_some()
    }

    /// Lets the screen stand still, or go on.
    pub(crate) fn freeze(&mut self, freeze: bool) {
        self.frozen = freeze.then(|| {
            let tracks = self.tracks.iter();
            tracks
                .map(|(bus, track)| (bus.clone(), track.at_its_pictures()))
                .collect()
        });
    }

    /// Returns the snapshot that is shown.
    pub(crate) fn shown(&self) -> Option<&Snapshot> {
        self.track()?.shown.as_ref()
    }

    /// Returns the picture of View, or of the overview.
    pub(crate) fn picture(&self) -> Option<&Picture> {
        let track = self.track()?;
        match (self.screen, self.view_slot) {
            (Screen::View, Some(slot)) => track.pictures.get(&slot),
            _ => track.latest_picture(),
        }
    }

    /// Returns the consumers that are listed, in their order.
    pub(crate) fn rows(&self) -> Vec<&Consumer> {
        self.shown()
            .map(|snapshot| self.listing.rows(snapshot))
            .unwrap_or_default()
    }

    /// Returns where the selected consumer is in the list.
    pub(crate) fn selected_row(&self) -> Option<usize> {
        let key = self.selected?;
        self.rows()
            .iter()
            .position(|consumer| ConsumerKey::of(consumer) == key)
    }

    /// Returns which pictures the screen shows now.
    pub(crate) fn wants(&self) -> Option<Wants> {
        if self.frozen.is_some() || self.overlay == Overlay::Help {
            return None;
        }
        match (self.screen, self.view_slot) {
            (Screen::View, slot) if self.shows_colours() => Some(Wants::Coloured(slot)),
            (Screen::View, Some(slot)) => Some(Wants::Slot(slot)),
            (Screen::View, None) => Some(Wants::Latest),
            (Screen::Overview, _) if self.thumbnails => Some(Wants::Sampled),
            (Screen::Slots, _) if self.thumbnails => Some(Wants::EverySlot),
            _ => None,
        }
    }

    /// Returns whether the bus keeps colours.
    pub(crate) fn bus_has_colours(&self) -> bool {
        let segment = self.shown().and_then(|now| now.segment.as_ref());
        segment.is_some_and(|segment| segment.planes.iter().any(|plane| plane.format == "bgr"))
    }

    /// Returns whether View is in colour, if the bus keeps some.
    pub(crate) fn shows_colours(&self) -> bool {
        let pixels = self.lens.renderer.protocol().is_some();
        self.lens.has_colours() && self.theme != Theme::None && (pixels || !self.glyphs.ascii)
    }

    /// Returns whether there is something new to draw, once.
    pub(crate) fn take_dirty(&mut self) -> bool {
        std::mem::take(&mut self.dirty)
    }
}
