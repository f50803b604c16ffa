//! What the control thread asks of whoever keeps the names by which others find the bus.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ServerError;
use crate::shm::OwnedSegment;
use crate::system::Permissions;

/// Makes the pipes in a directory that have no name there, and says how many those were.
pub(crate) type Rebind<'a> = &'a mut dyn FnMut(&Path) -> Result<usize, ServerError>;

/// Keeps the names of a bus: others can remove them.
pub(crate) trait NameKeeper: Debug + Send + Sync {
    /// Who may connect.
    fn permissions(&self) -> Permissions;

    /// The directory of the named pipes.
    fn pipes_dir(&self) -> PathBuf;

    /// Looks at the names and puts back what is gone.
    fn look(&self, segment: &dyn Fn() -> Arc<OwnedSegment>, rebind: Rebind<'_>);
}
