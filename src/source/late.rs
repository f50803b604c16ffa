//! A frame whose writer pauses in the middle of it: what has come is kept, and the slot is given back.

use framebus::source::{Arrival, Capture, Filled, FrameTarget, SourceError};
use framebus::stop::Stop;

/// The images of a frame of which a part has been read.
#[derive(Debug)]
pub(super) struct Late {
    capture: Capture,
    gray: Vec<u8>,
    bgr: Option<Vec<u8>>,
    state: State,
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
    fn read_frame(
        &mut self,
        gray: &mut [u8],
        bgr: Option<&mut [u8]>,
    ) -> Result<Filled, SourceError>;

    /// When the frame came that was announced last.
    fn capture(&self) -> Capture;

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
        State::Waiting => match source.read_frame(&mut late.gray, late.bgr.as_deref_mut())? {
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
    let filled = source.read_frame(target.gray, target.bgr.as_deref_mut())?;
    if filled == Filled::Unfinished {
        let late = Late {
            capture: source.capture(),
            gray: target.gray.to_vec(),
            bgr: target.bgr.as_deref().map(<[u8]>::to_vec),
            state: State::Untold,
        };
        *source.late() = Some(late);
    }
    Ok(filled)
}

impl Late {
    fn copy_to(&self, target: &mut FrameTarget<'_>) -> Filled {
        if self.state != State::Announced || self.gray.len() != target.gray.len() {
            return Filled::Damaged;
        }
        target.gray.copy_from_slice(&self.gray);
        match (&mut target.bgr, &self.bgr) {
            (Some(bgr), Some(own)) if bgr.len() == own.len() => bgr.copy_from_slice(own),
            (Some(_), _) => return Filled::Damaged,
            (None, _) => {}
        }
        Filled::Frame
    }
}
