//! One declaration gives a struct, its parameters' types and docs, and its decoding.
//!
//! It lives in the engine, and not beside the kinds, because the meta-parameters are declared with it too.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::params::{ParamDecl, ParamError, Params};
use super::ty::{Type, Width};
use super::value::Value;

/// A struct that is decoded from parameters; made by [`entry!`](crate::entry).
pub trait Entry: Sized {
    /// The struct's documentation, Markdown.
    fn doc() -> String;
    /// Its parameters, in the order of declaration.
    fn params() -> Vec<ParamDecl>;
    /// Reads the parameters.
    ///
    /// # Errors
    /// Every parameter whose value does not fit its type.
    fn decode(params: &Params) -> Result<Self, Vec<ParamError>>;
    /// The parameters that differ from their defaults: to decode them gives the same again, as far as their types can
    /// be written ([`Param::to_value`]).
    fn to_params(&self) -> Params;
}

/// A Rust type that a parameter can have.
pub trait Param: Sized {
    /// The type that users see.
    fn ty() -> Type;
    /// Reads a value.
    ///
    /// # Errors
    /// What was expected, as in "expected a string, found an integer".
    fn from_value(value: &Value) -> Result<Self, String>;
    /// The value to show as a default; `None` where there is nothing to show.
    fn to_value(&self) -> Option<Value>;
}

/// The fields of a parameter that is a struct.
///
/// # Errors
/// When the value is none.
pub fn struct_fields<T: Param>(value: &Value) -> Result<&[(Arc<str>, Value)], String> {
    match value {
        Value::Struct(fields) => Ok(fields),
        other => expected(&T::ty(), other),
    }
}

/// One field of a struct.
///
/// # Errors
/// When it is missing, or of another type.
pub fn struct_field<T: Param>(fields: &[(Arc<str>, Value)], name: &str) -> Result<T, String> {
    let found = fields.iter().find(|(field, _)| **field == *name);
    let (_, value) = found.ok_or_else(|| format!("the field `{name}` is missing"))?;
    T::from_value(value).map_err(|message| format!("`{name}`: {message}"))
}

/// One field of a struct that may be left out ([`Type::Optional`]).
///
/// # Errors
/// When it is of another type.
pub fn optional_field<T: Param>(fields: &[(Arc<str>, Value)], name: &str) -> Result<Option<T>, String> {
    let is_given = fields.iter().any(|(field, _)| **field == *name);
    is_given.then(|| struct_field(fields, name)).transpose()
}

fn expected<T>(what: &Type, found: &Value) -> Result<T, String> {
    Err(format!("expected {what}, found {}", found.type_name()))
}

impl Param for bool {
    fn ty() -> Type {
        Type::Bool
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(b) => Ok(*b),
            other => expected(&Self::ty(), other),
        }
    }
    fn to_value(&self) -> Option<Value> {
        Some(Value::Bool(*self))
    }
}

impl Param for f64 {
    fn ty() -> Type {
        Type::Float
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Float(x) => Ok(*x),
            Value::Int(n) => Ok(*n as f64),
            other => expected(&Self::ty(), other),
        }
    }
    fn to_value(&self) -> Option<Value> {
        Some(Value::Float(*self))
    }
}

impl Param for Arc<str> {
    fn ty() -> Type {
        Type::Str
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Str(text) => Ok(text.clone()),
            other => expected(&Self::ty(), other),
        }
    }
    fn to_value(&self) -> Option<Value> {
        (!self.is_empty()).then(|| Value::Str(self.clone()))
    }
}

macro_rules! integer_params {
    ($($ty:ty => $width:ident),*) => {$(
        impl Param for $ty {
            fn ty() -> Type {
                Type::Int(Width::$width)
            }
            fn from_value(value: &Value) -> Result<Self, String> {
                match value {
                    Value::Int(n) => Self::try_from(*n).map_err(|_| {
                        let (low, high) = Width::$width.bounds();
                        format!("{n} is out of range: {low} to {high}")
                    }),
                    other => expected(&Self::ty(), other),
                }
            }
            fn to_value(&self) -> Option<Value> {
                i64::try_from(*self).ok().map(Value::Int)
            }
        }
    )*};
}
integer_params!(i8 => I8, i16 => I16, i32 => I32, i64 => I64, u8 => U8, u16 => U16, u32 => U32, u64 => U64);

impl<T: Param> Param for Option<T> {
    fn ty() -> Type {
        T::ty()
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        T::from_value(value).map(Some)
    }
    fn to_value(&self) -> Option<Value> {
        self.as_ref().and_then(T::to_value)
    }
}

impl<T: Param> Param for Vec<T> {
    fn ty() -> Type {
        Type::List(Box::new(T::ty()))
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::List(items) => items.iter().map(T::from_value).collect(),
            other => expected(&Self::ty(), other),
        }
    }
    fn to_value(&self) -> Option<Value> {
        if self.is_empty() {
            return None;
        }
        self.iter().map(T::to_value).collect::<Option<Vec<_>>>().map(|items| Value::List(items.into()))
    }
}

impl<K: Param + Ord, V: Param> Param for BTreeMap<K, V> {
    fn ty() -> Type {
        Type::Map(Box::new(K::ty()), Box::new(V::ty()))
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Map(pairs) => {
                pairs.iter().map(|(k, v)| Ok((K::from_value(k)?, V::from_value(v)?))).collect()
            }
            other => expected(&Self::ty(), other),
        }
    }
    fn to_value(&self) -> Option<Value> {
        None
    }
}

impl Param for Value {
    fn ty() -> Type {
        Type::Any
    }
    fn from_value(value: &Value) -> Result<Self, String> {
        Ok(value.clone())
    }
    fn to_value(&self) -> Option<Value> {
        Some(self.clone())
    }
}

/// Reads one field: the given value, or else the default. Used by [`entry!`](crate::entry).
pub fn field<T: Param>(
    params: &Params,
    name: &'static str,
    default: impl FnOnce() -> T,
    errors: &mut Vec<ParamError>,
) -> T {
    match params.get(name).map(T::from_value) {
        None => default(),
        Some(Ok(value)) => value,
        Some(Err(message)) => {
            errors.push(ParamError::at(name, message));
            default()
        }
    }
}

/// Documentation lines as Rust hands them to macros: each with a leading space.
pub fn doc_text(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n").trim().to_owned()
}

/// The user's name of a field: a Rust keyword is written raw.
pub const fn field_name(ident: &'static str) -> &'static str {
    match ident.as_bytes() {
        [b'r', b'#', ..] => ident.split_at(2).1,
        _ => ident,
    }
}

/// Declares a struct with one documented field a parameter. A field without `= default` must have a type with a
/// `Default`, which is what holds when the parameter is not given.
#[macro_export]
macro_rules! entry {
    (
        $(#[doc = $doc:literal])*
        $vis:vis struct $name:ident {
            $( $(#[doc = $field_doc:literal])* $field:ident : $ty:ty $(= $default:expr)? ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        $vis struct $name {
            $( $(#[doc = $field_doc])* pub $field: $ty ),*
        }

        impl $crate::engine::entry::Entry for $name {
            fn doc() -> String {
                $crate::engine::entry::doc_text(&[$($doc),*])
            }

            fn params() -> Vec<$crate::engine::params::ParamDecl> {
                vec![$( $crate::engine::params::ParamDecl {
                    name: $crate::engine::entry::field_name(stringify!($field)),
                    ty: <$ty as $crate::engine::entry::Param>::ty(),
                    doc: $crate::engine::entry::doc_text(&[$($field_doc),*]),
                    default: <$ty as $crate::engine::entry::Param>::to_value(
                        &$crate::entry!(@default $ty $(, $default)?),
                    ),
                } ),*]
            }

            fn decode(
                params: &$crate::engine::params::Params,
            ) -> Result<Self, Vec<$crate::engine::params::ParamError>> {
                let mut errors = Vec::new();
                let entry = Self {
                    $( $field: $crate::engine::entry::field(
                        params,
                        $crate::engine::entry::field_name(stringify!($field)),
                        || $crate::entry!(@default $ty $(, $default)?),
                        &mut errors,
                    ) ),*
                };
                if errors.is_empty() { Ok(entry) } else { Err(errors) }
            }

            fn to_params(&self) -> $crate::engine::params::Params {
                #[allow(unused_mut, reason = "an entry may have no field")]
                let mut params = $crate::engine::params::Params::new();
                $(
                    let default: $ty = $crate::entry!(@default $ty $(, $default)?);
                    if self.$field != default
                        && let Some(value) = <$ty as $crate::engine::entry::Param>::to_value(&self.$field)
                    {
                        params.set($crate::engine::entry::field_name(stringify!($field)), value);
                    }
                )*
                params
            }
        }
    };
    (@default $ty:ty) => { <$ty as Default>::default() };
    (@default $ty:ty, $default:expr) => { $default };
}
