//! The book's code as doctests: `cargo test -p perdix-book` compiles and runs what the chapters show.

/// Chapters whose code is for the reader's own program.
macro_rules! chapters {
    ($($name:ident)*) => {$(
        #[cfg(doctest)]
        #[doc = include_str!(concat!("../../docs/", stringify!($name), ".md"))]
        mod $name {}
    )*};
}

chapters! { start kernels choosing life records sharding processes typed events observability work cpp }

/// Not named as the keyword is.
#[cfg(doctest)]
#[doc = include_str!("../../docs/async.md")]
mod tasks {}

/// The first page of all.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
