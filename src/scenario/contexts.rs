//! Named contexts of a variant, as `scenario.toml` gives them.

use std::collections::BTreeMap;

use super::context_source::ContextSource;
use super::document::{At, Problem};
use super::error::quoted;
use super::loading::Loading;
use super::name::check_relative;

impl Loading<'_> {
    /// The contexts of a variant: a value with a scheme is for BuildKit, any
    /// other is a folder.
    pub(super) fn contexts(
        &self,
        written: Vec<(At<String>, String)>,
    ) -> Result<BTreeMap<String, ContextSource>, Problem> {
        let mut contexts = BTreeMap::new();
        for (name, value) in written {
            let source = if value.contains("://") {
                ContextSource::Remote(value)
            } else {
                let at = At {
                    span: name.span.clone(),
                    value,
                };
                let at = at.try_map(|path| check_relative(&path).map(|()| path))?;
                let folder = self.resolve("folder", &at)?;
                if !folder.is_dir() {
                    return Err(at.problem(format!(
                        "context {} is not a folder: {}",
                        quoted(&name.value),
                        quoted(&at.value)
                    )));
                }
                ContextSource::Folder(folder)
            };
            contexts.insert(name.value, source);
        }
        Ok(contexts)
    }
}
