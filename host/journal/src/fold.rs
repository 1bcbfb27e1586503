//! The fold: a run's state is what its entries fold to, nothing else is remembered.
