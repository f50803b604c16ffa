//! OpenCV images over memory that is not OpenCV's.
//!
//! OpenCV writes into such a [`Mat`] in place as long as size and type are those of the frame; otherwise it silently
//! gives the Mat memory of its own. So every frame is wrapped anew, and afterwards we look where its pixels are.

use framebus::layout::Geometry;
use framebus::source::SourceError;
use opencv::core::{Mat, MatTraitConst, MatTraitConstManual, Vec3b};
use opencv::videoio::{VideoCapture, VideoCaptureTrait};

/// Where OpenCV put a frame.
pub(crate) enum Landed {
    /// In the memory that was offered.
    InPlace,
    /// In memory of its own: the frame has another size or type.
    Moved(Mat),
    /// Nowhere: the frame could not be decoded.
    Nowhere,
}

/// Retrieves the frame that was grabbed last, into `bgr` if it fits.
pub(crate) fn retrieve_into(
    capture: &mut VideoCapture,
    bgr: &mut [u8],
    geometry: Geometry,
) -> opencv::Result<Landed> {
    let (rows, columns) = sides(geometry);
    let mut wrapped = Mat::new_rows_cols_with_bytes_mut::<Vec3b>(rows, columns, bgr)?;
    let place = wrapped.data();
    if !capture.retrieve_def(&mut wrapped)? || wrapped.empty() {
        return Ok(Landed::Nowhere);
    }
    if wrapped.data() == place {
        return Ok(Landed::InPlace);
    }
    Ok(Landed::Moved(wrapped.try_clone()?))
}

/// Retrieves the frame that was grabbed last into a Mat of OpenCV's own; `None` if it could not be decoded.
pub(crate) fn retrieve(capture: &mut VideoCapture) -> opencv::Result<Option<Mat>> {
    let mut frame = Mat::default();
    let decoded = capture.retrieve_def(&mut frame)? && !frame.empty();
    Ok(decoded.then_some(frame))
}

/// Copies a continuous 8-bit BGR image into packed rows of the same size.
pub(crate) fn copy_to(image: &Mat, bgr: &mut [u8]) -> opencv::Result<()> {
    bgr.copy_from_slice(image.data_bytes()?);
    Ok(())
}

/// Returns the pixels of an image with packed rows.
pub(crate) fn bytes(image: &Mat) -> Result<&[u8], SourceError> {
    image
        .data_bytes()
        .map_err(|error| SourceError::Damaged(format!("a frame cannot be read: {}", error.message)))
}

/// Returns the size of an image; `None` if it has none that a bus can carry.
pub(crate) fn geometry(image: &Mat) -> Option<Geometry> {
    let width = u32::try_from(image.cols()).ok()?;
    let height = u32::try_from(image.rows()).ok()?;
    Geometry::new(width, height)
}

/// Rows and columns as OpenCV counts them; a `Geometry` is never larger than 32768.
fn sides(geometry: Geometry) -> (i32, i32) {
    (geometry.height.cast_signed(), geometry.width.cast_signed())
}
