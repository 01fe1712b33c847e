//! The report: for the terminal, and as an HTML file.

pub mod html;
pub mod plot;
pub mod plots;
pub mod tables;
pub mod text;
