//! The kind `gzip`: a compressed copy.

mod compress;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use super::file::target::{Target, normalize};
use super::wake_on::wake_on;
use super::{doc_of, long_work, path_asks, state_file};
use crate::engine::entry::Entry;
use crate::engine::kind::Uid;
use crate::engine::path_watch::Interest;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Value, Wakes,
};
use crate::resources::host::Host;
use crate::resources::host::fs::Pace;
use compress::{Input, Record, Spec};

crate::entry! {
    /// Keeps a compressed copy of a file or of a text.
    ///
    /// It is made anew when the input or the level changes, and when the output is missing or damaged; the output is
    /// replaced whole. The same input always gives the same bytes: neither name nor time are in them. A new output has
    /// the permissions of the input file, or 0644 for `content`; one that is replaced keeps its own.
    ///
    /// ```yaml
    /// resources:
    ///   gzip:
    ///   - name: /srv/www/style.css.gz
    ///     input: /srv/www/style.css
    ///     level: 9
    /// ```
    pub struct GzipParams {
        /// Where the output goes: an absolute path. The resource's name if not given.
        path: Arc<str>,
        /// The absolute path of the file to compress. Either this or `content` is required.
        input: Option<Arc<str>>,
        /// The text to compress.
        content: Option<Arc<str>>,
        /// 0 for none, 1 for fast, to 9 for small; -1 for a middle way; -2, which elsewhere is Huffman coding alone, as 1.
        level: i64 = -1,
    }
}

/// What the encoder takes for -1.
const MIDDLE: u32 = 6;
const FILE: &str = "gzip.json";

/// The kind `gzip`.
#[derive(Debug)]
pub struct GzipKind {
    host: Arc<Host>,
    doc: KindDoc,
}

impl GzipKind {
    /// The kind, over a host.
    pub fn new(host: Arc<Host>) -> Self {
        Self { host, doc: doc_of::<GzipParams>("gzip", Vec::new()) }
    }
}

impl Kind for GzipKind {
    fn describe(&self) -> &KindDoc {
        &self.doc
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let params = GzipParams::decode(&declaration.params)?;
        let mut errors = Vec::new();
        let output = output_of(declaration).map_err(|error| errors.push(error)).ok();
        let input = input_of(&params).map_err(|error| errors.push(error)).ok();
        let level = match params.level {
            -2 => 1,
            -1 => MIDDLE,
            0..=9 => u32::try_from(params.level).unwrap_or(MIDDLE),
            other => {
                let error = ParamError::at("level", format!("{other} is no level"));
                errors.push(error.hint("a level is 0 to 9, -1 for the default, or -2"));
                MIDDLE
            }
        };
        let (Some(output), Some(input), true) = (output, input, errors.is_empty()) else {
            return Err(errors);
        };
        if let Input::File(path) = &input
            && *path == output
        {
            return Err(vec![ParamError::at("input", "the input cannot be the output")]);
        }
        let output = self.host.managed.claim(output);
        Ok(Box::new(GzipResource(Arc::new(Spec { host: self.host.clone(), output, input, level }))))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let input = declaration.params.get("input").and_then(Value::as_str);
        let input = input.and_then(|input| normalize(input, None).ok());
        let Ok(path) = output_of(declaration) else { return Capabilities::default() };
        let output = Target { path, is_dir: false };
        let mut asks = path_asks::of_target(&output);
        asks.extend(input.map(|input| path_asks::of_source(input.path)));
        Capabilities { offers: vec![Uid::path(output.path)], asks, waits: true, ..Capabilities::default() }
    }
}

/// Where the output goes.
fn output_of(declaration: &Declaration) -> Result<Arc<str>, ParamError> {
    let target = Target::of(declaration)?;
    if target.is_dir {
        let param = declaration.params.get("path").map(|_| "path");
        let message = format!("{:?} is written as a directory", &*target.path);
        return Err(ParamError { param, message, hint: Some("remove the slash at its end".into()) });
    }
    Ok(target.path)
}

fn input_of(params: &GzipParams) -> Result<Input, ParamError> {
    match (params.input.as_deref().filter(|input| !input.is_empty()), &params.content) {
        (Some(_), Some(_)) => {
            Err(ParamError::at("content", "input and content exclude one another").hint("remove one of them"))
        }
        (None, None) => {
            Err(ParamError::whole("there is nothing to compress").hint("add `input` or `content`"))
        }
        (Some(input), None) => Ok(Input::File(normalize(input, Some("input"))?.path)),
        (None, Some(text)) => Ok(Input::Text(text.clone())),
    }
}

#[derive(Debug)]
struct GzipResource(Arc<Spec>);

#[async_trait]
impl Resource for GzipResource {
    async fn watch(&self, cx: &Cx) -> Result<Wakes, ResourceError> {
        let input = match &self.0.input {
            Input::File(path) => Some((Path::new(&**path), Interest::CONTENT)),
            Input::Text(_) => None,
        };
        let paths = [(self.0.path(), Interest::SELF)].into_iter().chain(input);
        wake_on(cx, &*self.0.host.watch, paths)
    }

    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let stored = state_file::read(&state_file::path(cx, FILE))?;
        // A damaged record is as good as none.
        let record: Option<Record> = stored.and_then(|stored| serde_json::from_slice(&stored.bytes).ok());
        let spec = self.0.clone();
        let work = move |pace: Pace<'_>| spec.check(record.as_ref(), pace);
        Ok(Found::drift(long_work::run_long("check", self.0.path(), &cx.cancel, work).await?))
    }

    async fn apply(&self, cx: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        let spec = self.0.clone();
        let work = move |pace: Pace<'_>| spec.apply(pace);
        let (record, stamp) = long_work::run_long("compress", self.0.path(), &cx.cancel, work).await?;
        let bytes = serde_json::to_vec(&record).map_err(ResourceError::bug)?;
        state_file::write(&self.0.host.fs, cx, FILE, bytes)?;
        if let Some(stamp) = stamp {
            cx.wrote(stamp);
        }
        Ok(Outputs::none())
    }
}
