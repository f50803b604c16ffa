//! A frame whose writer pauses in the middle of it: what has come is kept, and the slot is given back.

use framebus::layout::Geometry;
use framebus::source::{Arrival, Filled, FrameMeta, FrameTarget, SourceError};
use framebus::stop::Stop;

/// The images of a frame of which a part has been read.
#[derive(Debug)]
pub(super) struct Late {
    capture: FrameMeta,
    images: Own,
    state: State,
}

/// Copies of the images of a target.
#[derive(Debug)]
struct Own {
    geometry: Geometry,
    gray: Option<Vec<u8>>,
    bgr: Option<Vec<u8>>,
    native: Option<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `fill` has just run out of patience, and nobody has been told.
    Untold,
    Waiting,
    /// The frame is whole and was announced once more.
    Announced,
    /// No more of it comes; it was announced as well.
    Broken,
}

/// A source whose frames may be late.
pub(super) trait Interrupted {
    fn late(&mut self) -> &mut Option<Late>;

    /// Whether a frame was announced that nobody has begun to fill.
    fn begin_to_fill(&mut self) -> bool;

    /// Reads the frame that was announced into these images; goes on where it was interrupted.
    fn read_frame(&mut self, target: &mut FrameTarget<'_>) -> Result<Filled, SourceError>;

    /// When the frame came that was announced last.
    fn capture(&self) -> FrameMeta;

    /// Says that it is not complete.
    fn unfinished(&self) -> String;
}

/// The first part of a source's `wait`: the rest of a late frame. `None` when there is none to wait for.
pub(super) fn wait_for_rest(
    source: &mut impl Interrupted,
    stop: &Stop,
) -> Result<Option<Arrival>, SourceError> {
    let Some(mut late) = source.late().take() else {
        return Ok(None);
    };
    let arrival = match late.state {
        // It was announced and not filled: passed over.
        State::Announced | State::Broken => return Ok(None),
        State::Untold => {
            late.state = State::Waiting;
            Arrival::Stalled(source.unfinished())
        }
        State::Waiting => match source.read_frame(&mut late.images.target())? {
            Filled::Frame | Filled::Gray => {
                late.state = State::Announced;
                Arrival::Frame(late.capture)
            }
            Filled::Unfinished => Arrival::Stalled(source.unfinished()),
            Filled::Damaged if stop.is_set() => Arrival::Stopped,
            // Its rest never comes: `fill` will say so, so that it is counted.
            Filled::Damaged => {
                late.state = State::Broken;
                Arrival::Frame(late.capture)
            }
        },
    };
    *source.late() = Some(late);
    Ok(Some(arrival))
}

/// A source's `fill`, for a target that has been looked at.
pub(super) fn fill(
    source: &mut impl Interrupted,
    target: &mut FrameTarget<'_>,
) -> Result<Filled, SourceError> {
    if let Some(late) = source.late().take() {
        return Ok(late.copy_to(target));
    }
    if !source.begin_to_fill() {
        return Ok(Filled::Damaged);
    }
    let filled = source.read_frame(target)?;
    if filled == Filled::Unfinished {
        let late = Late {
            capture: source.capture(),
            images: Own::of(target),
            state: State::Untold,
        };
        *source.late() = Some(late);
    }
    Ok(filled)
}

impl Late {
    fn copy_to(&self, target: &mut FrameTarget<'_>) -> Filled {
        let is_whole = self.state == State::Announced;
        if is_whole && self.images.copy_to(target) {
            Filled::Frame
        } else {
            Filled::Damaged
        }
    }
}

impl Own {
    fn of(target: &FrameTarget<'_>) -> Own {
        let copy = |image: &Option<&mut [u8]>| image.as_deref().map(<[u8]>::to_vec);
        Own {
            geometry: target.geometry,
            gray: copy(&target.gray),
            bgr: copy(&target.bgr),
            native: copy(&target.native),
        }
    }

    fn target(&mut self) -> FrameTarget<'_> {
        FrameTarget {
            geometry: self.geometry,
            gray: self.gray.as_deref_mut(),
            bgr: self.bgr.as_deref_mut(),
            native: self.native.as_deref_mut(),
        }
    }

    /// `false` when the target wants what was not read.
    fn copy_to(&self, target: &mut FrameTarget<'_>) -> bool {
        let copy = |own: &Option<Vec<u8>>, image: &mut Option<&mut [u8]>| match (own, image) {
            (Some(own), Some(image)) if own.len() == image.len() => {
                image.copy_from_slice(own);
                true
            }
            (_, image) => image.is_none(),
        };
        copy(&self.gray, &mut target.gray)
            && copy(&self.bgr, &mut target.bgr)
            && copy(&self.native, &mut target.native)
    }
}
