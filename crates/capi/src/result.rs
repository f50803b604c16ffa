//! Result codes, and the sentence that goes with the last error of a thread.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::fmt::Display;

use framebus::bus::{AttachError, CopyError, CreateError, HandleError, MetadataError};
use framebus::layout::PlanError;

/// How a call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum framebus_result {
    /// It did what it should; for a wait: there is a frame to acquire.
    Ok = 0,
    /// The time is over.
    TimedOut = 1,
    /// The segment was replaced (another size, or other properties), and the consumer has followed: look at
    /// framebus_consumer_stream again.
    Renewed = 2,
    /// The producer ended; every frame has been taken or skipped.
    Ended = 3,
    /// The producer died.
    Lost = 4,
    /// framebus_consumer_interrupt was called.
    Interrupted = 5,
    /// There is no frame that has not been taken yet.
    NoFrame = 6,
    /// Every slot is leased: this frame is lost (and counted), the next may find one.
    Starved = 7,
    /// An argument is NULL, or makes no sense.
    InvalidArgument = -1,
    /// There is no such bus.
    NoBus = -2,
    /// The bus is there, its producer is gone.
    NoProducer = -3,
    /// The producer does not answer.
    Silent = -4,
    /// Somebody else has the consumer index.
    InUse = -5,
    /// Every consumer index is taken.
    AllInUse = -6,
    /// There is no such consumer index.
    OutOfRange = -7,
    /// The segment has another major layout version.
    Version = -8,
    /// The segment is damaged, or not framebus's.
    Malformed = -9,
    /// The segment's owner is not its producer.
    Untrusted = -10,
    /// This user may not.
    Denied = -11,
    /// The frame taken before is still held.
    Held = -12,
    /// Nothing is claimed, or no frame is held.
    NotClaimed = -13,
    /// The bus has a producer already.
    HasProducer = -14,
    /// The bus is another user's.
    Foreign = -15,
    /// Consumers and history need more slots than there can be.
    TooManySlots = -16,
    /// Shared memory is full.
    Full = -17,
    /// The image was overwritten while it was copied: try again.
    Torn = -18,
    /// The bus has no such plane; the sentence says which it has.
    NoImage = -19,
    /// The buffer is too small.
    BufferTooSmall = -20,
    /// The image is not a whole frame of the test pattern.
    NotWhole = -21,
    /// The system says no.
    System = -22,
    /// An error in framebus itself; the handle may still be closed.
    Internal = -23,
    /// The file of the segment was made shorter by somebody: close the handle.
    CutShort = -24,
    /// The handle belongs to the process that this one was forked from: open another here.
    OtherProcess = -25,
}

impl From<&HandleError> for framebus_result {
    fn from(error: &HandleError) -> Self {
        match error {
            HandleError::CutShort { .. } => Self::CutShort,
            HandleError::OtherProcess { .. } => Self::OtherProcess,
            HandleError::NoPlane(_) => Self::NoImage,
            _ => Self::System,
        }
    }
}

/// Refuses a handle that is of no use any more.
pub(crate) fn usable(check: Result<(), HandleError>) -> Result<(), framebus_result> {
    check.map_err(|error| fail((&error).into(), error))
}

impl From<&AttachError> for framebus_result {
    fn from(error: &AttachError) -> Self {
        match error {
            AttachError::NoBus { .. } | AttachError::Unlinked { .. } => Self::NoBus,
            AttachError::NoProducer { .. } => Self::NoProducer,
            AttachError::Silent { .. } | AttachError::NoPipes { .. } => Self::Silent,
            AttachError::InUse { .. } => Self::InUse,
            AttachError::AllInUse { .. } => Self::AllInUse,
            AttachError::OutOfRange { .. } => Self::OutOfRange,
            AttachError::NoPlane(_) => Self::NoImage,
            AttachError::Version { .. } => Self::Version,
            AttachError::Malformed { .. } => Self::Malformed,
            AttachError::Untrusted { .. } => Self::Untrusted,
            AttachError::Denied { .. } => Self::Denied,
            AttachError::Stopped { .. } => Self::Interrupted,
            _ => Self::System,
        }
    }
}

impl From<&CreateError> for framebus_result {
    fn from(error: &CreateError) -> Self {
        match error {
            CreateError::InUse { .. } | CreateError::LockTaken { .. } => Self::HasProducer,
            CreateError::Foreign { .. } => Self::Foreign,
            CreateError::Plan(PlanError::TooManySlots { .. }) => Self::TooManySlots,
            CreateError::Plan(_) => Self::InvalidArgument,
            CreateError::Handle(error) => error.into(),
            CreateError::Full { .. } => Self::Full,
            _ => Self::System,
        }
    }
}

impl From<&MetadataError> for framebus_result {
    fn from(error: &MetadataError) -> Self {
        match error {
            MetadataError::NoPlane => Self::NoImage,
            _ => Self::InvalidArgument,
        }
    }
}

impl From<&CopyError> for framebus_result {
    fn from(error: &CopyError) -> Self {
        match error {
            CopyError::Empty => Self::NoFrame,
            CopyError::Torn => Self::Torn,
            CopyError::NoImage => Self::NoImage,
            CopyError::NoSlot => Self::InvalidArgument,
            CopyError::Handle(error) => error.into(),
            _ => Self::System,
        }
    }
}

thread_local! {
    static LAST_ERROR: RefCell<CString> = RefCell::default();
}

/// Keeps the sentence of an error, and returns its code.
pub(crate) fn fail(result: framebus_result, why: impl Display) -> framebus_result {
    let mut text = why.to_string();
    text.retain(|character| character != '\0');
    let text = CString::new(text).unwrap_or_default();
    // A thread that is ending has nowhere to keep it.
    let _ = LAST_ERROR.try_with(|last| last.replace(text));
    result
}

/// Returns the sentence of the last error on this thread, without a full stop; empty before the first. Valid until the
/// next error on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn framebus_last_error() -> *const c_char {
    LAST_ERROR
        .try_with(|last| last.borrow().as_ptr())
        .unwrap_or(c"".as_ptr())
}
