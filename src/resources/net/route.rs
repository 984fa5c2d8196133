//! A route as a parameter.

use std::sync::Arc;

use crate::engine::Value;
use crate::engine::entry::{Param, optional_field, struct_field, struct_fields};
use crate::engine::ty::{Type, Width};

/// A route as it is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteParam {
    /// A network, or `default`.
    pub to: Arc<str>,
    /// The next host; empty: none.
    pub via: Arc<str>,
    /// 0: as usual.
    pub metric: u32,
    /// 0: the main one.
    pub table: u32,
}

impl Param for RouteParam {
    fn ty() -> Type {
        let optional = |ty| Type::Optional(Box::new(ty));
        Type::Struct(vec![
            ("to".into(), Type::Str),
            ("via".into(), optional(Type::Str)),
            ("metric".into(), optional(Type::Int(Width::U32))),
            ("table".into(), optional(Type::Int(Width::U32))),
        ])
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        let fields = struct_fields::<Self>(value)?;
        Ok(Self {
            to: struct_field(fields, "to")?,
            via: optional_field(fields, "via")?.unwrap_or_default(),
            metric: optional_field(fields, "metric")?.unwrap_or_default(),
            table: optional_field(fields, "table")?.unwrap_or_default(),
        })
    }

    fn to_value(&self) -> Option<Value> {
        let fields = [
            (Arc::from("to"), Value::Str(self.to.clone())),
            (Arc::from("via"), Value::Str(self.via.clone())),
            (Arc::from("metric"), Value::Int(self.metric.into())),
            (Arc::from("table"), Value::Int(self.table.into())),
        ];
        Some(Value::Struct(Arc::new(fields)))
    }
}
