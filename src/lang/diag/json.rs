//! Diagnostics for programs: one JSON object each.

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use super::{Diagnostic, Place, Secondary};
use crate::engine::Origin;

/// A place: lines and columns from 1, columns in characters, ends exclusive; offsets in bytes.
#[derive(Debug, Serialize)]
struct JsonPlace {
    file: String,
    #[serde(flatten)]
    range: Option<JsonRange>,
}

#[derive(Debug, Serialize)]
struct JsonRange {
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    start: u32,
    end: u32,
}

fn place_of(origin: &Origin) -> JsonPlace {
    let start = origin.source.line_column(origin.span.start);
    let end = origin.source.line_column(origin.span.end.max(origin.span.start));
    JsonPlace {
        file: origin.source.path().display().to_string(),
        range: Some(JsonRange {
            line: start.line,
            column: start.column,
            end_line: end.line,
            end_column: end.column,
            start: origin.span.start,
            end: origin.span.end,
        }),
    }
}

impl Serialize for Secondary {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Secondary", 2)?;
        object.serialize_field("place", &place_of(&self.place))?;
        object.serialize_field("label", &self.label)?;
        object.end()
    }
}

impl Serialize for Diagnostic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let place = self.primary.as_ref().map(|place| match place {
            Place::Text(origin) => place_of(origin),
            Place::File(path) => JsonPlace { file: path.display().to_string(), range: None },
        });
        let mut object = serializer.serialize_struct("Diagnostic", 8)?;
        object.serialize_field("severity", &self.severity)?;
        object.serialize_field("code", &self.code.map(|code| code.id))?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("place", &place)?;
        object.serialize_field("label", &self.label)?;
        object.serialize_field("secondaries", &self.secondaries)?;
        object.serialize_field("causes", &self.causes)?;
        object.serialize_field("hints", &self.hints)?;
        object.end()
    }
}
