//! The addresses of pages of the site.

use crate::classes::occurrence_view::OccurrenceView;
use crate::runtime::config::StudioConfig;

/// Returns the absolute URL of a path of the site. An absolute URL stays as it is.
pub(super) fn absolute(studio: &StudioConfig, path_or_url: &str) -> String {
    match path_or_url.starts_with('/') {
        true => format!("{}{path_or_url}", studio.site_url),
        false => path_or_url.to_owned(),
    }
}

/// Returns the path of the page of the site that shows a class.
pub(super) fn class_path(class: &OccurrenceView) -> String {
    format!("/classes/{}?class={}", class.class_type_id, class.id)
}
