//! Watching paths for a resource.

use std::path::Path;
use std::sync::Arc;

use crate::engine::path_watch::{Interest, PathSink, PathWatch};
use crate::engine::{Cx, ResourceError, Wake, Wakes};
use crate::resources::error::HostError;

/// Wakes the vertex at each event of these paths.
///
/// # Errors
/// When one of them can neither be watched nor polled.
pub fn wake_on<'a>(
    cx: &Cx,
    watch: &dyn PathWatch,
    paths: impl IntoIterator<Item = (&'a Path, Interest)>,
) -> Result<Wakes, ResourceError> {
    let waker = cx.waker().clone();
    let sink: PathSink = Arc::new(move |event| waker.wake(Wake { stamp: event.stamp }));
    let guards = paths
        .into_iter()
        .map(|(path, interest)| watch.watch(path, interest, sink.clone()).map_err(HostError::from))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Wakes::pushed(guards))
}
