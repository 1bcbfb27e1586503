//! Stops a call at its deadline or when it is cancelled, working or sleeping.
//!
//! A guest that works yields after each slice of fuel; the guard looks at flag and clock before it goes on, so it is
//! stopped within a slice however busy the machine is. A guest that sleeps in a host call is woken by one timer or
//! by the cancel itself. The timer is made only when a call first waits: most calls never do.

use super::ending::Stopped;
use kapell_model::seam::Cancel;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;
use tokio::time::{Sleep, sleep_until};

/// The call, and what may stop it.
pub(super) struct Guard<'a, F> {
    call: Pin<&'a mut F>,
    deadline: Instant,
    cancel: &'a Cancel,
    timer: Option<Pin<Box<Sleep>>>,
}

impl<'a, F: Future> Guard<'a, F> {
    pub(super) fn new(call: Pin<&'a mut F>, deadline: Instant, cancel: &'a Cancel) -> Self {
        Self { call, deadline, cancel, timer: None }
    }

    fn stopped(&self) -> Option<Stopped> {
        match () {
            () if self.cancel.is_raised() => Some(Stopped::Cancelled),
            () if Instant::now() >= self.deadline => Some(Stopped::Deadline),
            () => None,
        }
    }

    /// Asks to be woken by the deadline and by a cancel; ready when one of them came meanwhile.
    fn wait(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.cancel.wake_on_raise(context.waker());
        let deadline = self.deadline;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(deadline.into())));
        timer.as_mut().poll(context)
    }
}

impl<F: Future> Future for Guard<'_, F> {
    type Output = Result<F::Output, Stopped>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(stopped) = self.stopped() {
            return Poll::Ready(Err(stopped));
        }
        // A panic in a host function must not take other runs with it. The store is dropped after it and never
        // used again, so nothing half done is seen.
        let polled = catch_unwind(AssertUnwindSafe(|| self.call.as_mut().poll(context)));
        match polled {
            Ok(Poll::Ready(answer)) => Poll::Ready(Ok(answer)),
            Ok(Poll::Pending) => match self.wait(context) {
                Poll::Ready(()) => Poll::Ready(Err(self.stopped().unwrap_or(Stopped::Deadline))),
                Poll::Pending => Poll::Pending,
            },
            Err(panic) => Poll::Ready(Err(Stopped::Panicked(message(panic.as_ref())))),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message").to_owned()
}

#[cfg(test)]
#[allow(clippy::panic, reason = "the panic is what is tested")]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::{Wake, Waker};
    use std::time::Duration;

    #[tokio::test]
    async fn a_panic_in_a_host_function_stays_in_its_attempt() {
        let call = pin!(async { std::panic::panic_any("broken") });
        let deadline = Instant::now() + Duration::from_secs(3_600);
        let stopped = Guard::new(call, deadline, &Cancel::default()).await;
        assert!(matches!(stopped, Err(Stopped::Panicked(message)) if message == "broken"));
    }

    /// The timer alone comes late where every worker is busy; the clock is looked at before each slice.
    #[tokio::test]
    async fn past_its_deadline_a_call_gets_no_further_slice() {
        let mut slices = 0;
        let call = pin!(std::future::poll_fn(|_| {
            slices += 1;
            Poll::<()>::Pending
        }));
        let stopped = Guard::new(call, Instant::now(), &Cancel::default()).await;
        assert!(matches!(stopped, Err(Stopped::Deadline)));
        assert_eq!(slices, 0);
    }

    /// Tells whether it was woken.
    #[derive(Default)]
    struct Bell(AtomicBool);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Release);
        }
    }

    #[tokio::test]
    async fn a_cancel_wakes_a_call_that_waits() {
        let call = pin!(std::future::pending::<()>());
        let (cancel, bell) = (Cancel::default(), Arc::new(Bell::default()));
        let mut guard = pin!(Guard::new(call, Instant::now() + Duration::from_secs(3_600), &cancel));
        let waker = Waker::from(Arc::clone(&bell));
        let mut context = Context::from_waker(&waker);
        assert!(guard.as_mut().poll(&mut context).is_pending());
        assert!(!bell.0.load(Ordering::Acquire));
        cancel.raise();
        assert!(bell.0.load(Ordering::Acquire));
        assert!(matches!(guard.poll(&mut context), Poll::Ready(Err(Stopped::Cancelled))));
    }
}
