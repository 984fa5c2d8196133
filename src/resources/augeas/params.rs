//! The parts of an edit as parameters.

use std::sync::Arc;

use crate::engine::Value;
use crate::engine::entry::{Param, struct_field, struct_fields};
use crate::engine::ty::Type;

/// A struct of texts.
macro_rules! texts {
    ($(#[doc = $doc:literal])* $name:ident { $( $(#[doc = $field_doc:literal])* $field:ident $key:literal ),* }) => {
        $(#[doc = $doc])*
        #[derive(Clone, Debug, PartialEq)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: Arc<str> ),*
        }

        impl Param for $name {
            fn ty() -> Type {
                Type::Struct(vec![$(($key.into(), Type::Str)),*])
            }

            fn from_value(value: &Value) -> Result<Self, String> {
                let fields = struct_fields::<Self>(value)?;
                Ok(Self { $($field: struct_field(fields, $key)?),* })
            }

            fn to_value(&self) -> Option<Value> {
                let fields = [$((Arc::from($key), Value::Str(self.$field.clone()))),*];
                Some(Value::Struct(Arc::new(fields)))
            }
        }
    };
}

texts! {
    /// A value that is to be at a path.
    SetParam {
        /// Where.
        path "path",
        /// What.
        value "value"
    }
}

texts! {
    /// A node that is to be beside another.
    InsParam {
        /// Its label.
        label "label",
        /// `before` or `after`.
        place "where",
        /// The other.
        path "path",
        /// What makes it needless, if it is there.
        unless "unless"
    }
}

texts! {
    /// A node that is to be elsewhere.
    MvParam {
        /// Where it is.
        from "from",
        /// Where it should be.
        to "to"
    }
}
