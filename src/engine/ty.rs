//! Types of parameters and outputs.

use std::fmt;
use std::sync::Arc;

/// The type of a parameter or output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// A boolean.
    Bool,
    /// An integer of the given width.
    Int(Width),
    /// A floating point number.
    Float,
    /// Text.
    Str,
    /// A list of one type.
    List(Box<Type>),
    /// A map from keys of one type to values of one type.
    Map(Box<Type>, Box<Type>),
    /// Named fields.
    Struct(Vec<(Arc<str>, Type)>),
    /// A field of a struct that may be left out.
    Optional(Box<Type>),
    /// Any value.
    Any,
}

/// How many bits an integer parameter holds, and whether it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Width {
    I8,
    I16,
    I32,
    I64,
    U8,
    U16,
    U32,
    /// Held as a non-negative `i64`.
    U64,
}

impl Width {
    /// The smallest and the greatest value that fits, both inclusive.
    pub fn bounds(self) -> (i64, i64) {
        match self {
            Self::I8 => (i8::MIN.into(), i8::MAX.into()),
            Self::I16 => (i16::MIN.into(), i16::MAX.into()),
            Self::I32 => (i32::MIN.into(), i32::MAX.into()),
            Self::I64 => (i64::MIN, i64::MAX),
            Self::U8 => (0, u8::MAX.into()),
            Self::U16 => (0, u16::MAX.into()),
            Self::U32 => (0, u32::MAX.into()),
            Self::U64 => (0, i64::MAX),
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool => f.write_str("bool"),
            Self::Int(Width::I64) => f.write_str("int"),
            Self::Int(width) => {
                let (low, high) = width.bounds();
                match width {
                    Width::U64 => f.write_str("int, at least 0"),
                    _ => write!(f, "int, {low} to {high}"),
                }
            }
            Self::Float => f.write_str("float"),
            Self::Str => f.write_str("str"),
            Self::List(item) => write!(f, "[]{item}"),
            Self::Map(key, value) => write!(f, "map{{{key}: {value}}}"),
            Self::Struct(fields) => {
                f.write_str("struct{")?;
                for (i, (name, ty)) in fields.iter().enumerate() {
                    write!(f, "{}{name} {ty}", if i > 0 { "; " } else { "" })?;
                }
                f.write_str("}")
            }
            Self::Optional(ty) => write!(f, "{ty} (optional)"),
            Self::Any => f.write_str("any"),
        }
    }
}
