//! The report as one self-contained page.

use crate::audit::Audit;
use crate::error::{Error, Result};
use minijinja::{AutoEscape, Environment};

/// Renders the page; every name in it comes from a model file and is escaped.
pub fn html(audit: &Audit) -> Result<String> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    let render = || {
        environment.add_template("report.html", include_str!("report.html"))?;
        environment
            .get_template("report.html")?
            .render(minijinja::context! { audit })
    };
    let mut render = render;
    render()
        .map_err(|e: minijinja::Error| Error::new(format!("the report cannot be rendered: {e}")))
}
