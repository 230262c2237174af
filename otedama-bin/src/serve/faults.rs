//! Panics: none passes unnoticed, and after one the program stops so that a supervisor starts it afresh.

use std::future::Future;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tracing::error;

/// Where parts of the program report that they can't be trusted any more.
#[derive(Clone, Debug)]
pub struct Faults(mpsc::UnboundedSender<()>);

impl Faults {
    /// The two ends.
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// A thread whose panic is reported.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn thread(&self, name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
        let (faults, part) = (self.clone(), name.to_owned());
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            if catch_unwind(AssertUnwindSafe(work)).is_err() {
                faults.report(&part);
            }
        })
    }

    /// A task whose panic is reported.
    pub fn task(&self, runtime: &Handle, name: &str, work: impl Future<Output = ()> + Send + 'static) {
        let (faults, part) = (self.clone(), name.to_owned());
        let task = runtime.spawn(work);
        runtime.spawn(async move {
            if task.await.is_err_and(|error| error.is_panic()) {
                faults.report(&part);
            }
        });
    }

    /// A part of the program has panicked.
    pub fn report(&self, part: &str) {
        error!(part, "panicked; the program stops");
        // Nobody listens only when the program is ending already.
        let _ = self.0.send(());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_reported() {
        let (faults, mut reported) = Faults::channel();
        faults.thread("fine", || {}).unwrap().join().unwrap();
        assert!(reported.try_recv().is_err());
        faults
            .thread("bad", || panic!("on purpose"))
            .unwrap()
            .join()
            .unwrap();
        assert!(reported.try_recv().is_ok());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        faults.task(runtime.handle(), "bad task", async { panic!("on purpose") });
        assert!(runtime.block_on(reported.recv()).is_some());
    }
}
