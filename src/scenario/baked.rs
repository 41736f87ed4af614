//! Taking what bake said of a variant: its Dockerfiles are there and have the stages
//! that are to be built.

use std::path::Path;

use super::bake::Bake;
use super::definition::Variant;
use super::dockerfile;
use super::document::At;
use super::error::{Place, ScenarioError, position};
use super::loading::check_target;
use crate::escape;

impl Variant {
    /// Takes what bake said of a variant that is one of bake's.
    ///
    /// # Errors
    /// Something is wrong with a Dockerfile.
    pub fn give_bake(&mut self, bake: Bake) -> Result<(), ScenarioError> {
        bake.check()?;
        let first = bake.first();
        self.dockerfile = first.map(|it| it.dockerfile.clone()).unwrap_or_default();
        self.shown = first.map(|it| it.shown.clone()).unwrap_or_default();
        self.digest = bake.dockerfiles_digest()?;
        self.bake = Some(bake);
        Ok(())
    }
}

impl Bake {
    /// Reads the Dockerfiles and checks that their stages are there.
    ///
    /// # Errors
    /// The first thing that is wrong with any of them.
    pub fn check(&self) -> Result<(), ScenarioError> {
        for target in &self.targets {
            let shown = Path::new(&target.shown);
            let text = target.text()?;
            let text = String::from_utf8_lossy(&text);
            let stages = dockerfile::stage_names(&text).map_err(|error| error.at(shown))?;
            let Some(stage) = target.target.clone() else {
                continue;
            };
            let stage = At {
                span: 0..0,
                value: stage,
            };
            check_target(stage, stages.as_deref()).map_err(|problem| ScenarioError::Invalid {
                at: Place {
                    file: shown.to_owned(),
                    line: position(&text, problem.span.start).0,
                    column: None,
                },
                message: format!(
                    "{} (bake's target {})",
                    problem.message,
                    escape::bounded(&target.name)
                ),
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::BakeTarget;

    #[test]
    fn a_stage_that_is_not_there_is_said_with_its_target() {
        let app = BakeTarget {
            name: "app".into(),
            context: Default::default(),
            dockerfile: Default::default(),
            inline: Some("FROM scratch AS build\n".into()),
            shown: "Dockerfile".into(),
            target: Some("buld".into()),
            platforms: Vec::new(),
            build_args: Default::default(),
            contexts: Default::default(),
            attributes: Default::default(),
            entitlements: Vec::new(),
        };
        let bake = Bake {
            targets: vec![app],
            ..Bake::default()
        };
        let error = bake.check().unwrap_err().to_string();
        assert!(
            error.contains("\"buld\"") && error.contains("target app"),
            "{error}"
        );
    }
}
