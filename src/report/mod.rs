//! What people read: the table on the terminal, the report as a page. Renders records,
//! computes nothing.

mod html;
mod table;

pub use html::html;
pub use table::table;
