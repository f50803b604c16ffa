//! The headless worker: everything that links OpenCV.
