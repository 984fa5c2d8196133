//! The kind `test`: for tests of graphs, languages and the agent itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::doc_of;
use crate::engine::entry::{Entry, Param, struct_field, struct_fields};
use crate::engine::params::OutputDecl;
use crate::engine::ty::Width;
use crate::engine::{
    Capabilities, Cx, Declaration, Drift, Found, Kind, KindDoc, Outputs, ParamError, Resource, ResourceError,
    Type, Value,
};

crate::entry! {
    /// Logs its parameters, sends two values, and fails where asked to: for tests of graphs and of the agent.
    ///
    /// It has a parameter of each type and never changes anything.
    ///
    /// ```yaml
    /// resources:
    ///   test:
    ///   - name: t1
    ///     int64: 7
    ///     slicestring: [a, b]
    ///     sendvalue: hello
    /// ```
    pub struct TestParams {
        /// A boolean.
        bool: bool = false,
        /// Text.
        str: Arc<str>,
        /// An integer of 64 bits.
        int: i64,
        /// An integer of 8 bits.
        int8: i8,
        /// An integer of 16 bits.
        int16: i16,
        /// An integer of 32 bits.
        int32: i32,
        /// An integer of 64 bits.
        int64: i64,
        /// A natural number of 64 bits.
        uint: u64,
        /// A natural number of 8 bits.
        uint8: u8,
        /// A natural number of 16 bits.
        uint16: u16,
        /// A natural number of 32 bits.
        uint32: u32,
        /// A natural number of 64 bits.
        uint64: u64,
        /// A natural number of 8 bits.
        byte: u8,
        /// An integer of 32 bits.
        rune: i32,
        /// A number.
        float32: f64,
        /// A number.
        float64: f64,
        /// A boolean that may be left out.
        boolptr: Option<bool>,
        /// Text that may be left out.
        stringptr: Option<Arc<str>>,
        /// An integer of 64 bits that may be left out.
        int64ptr: Option<i64>,
        /// An integer of 8 bits that may be left out.
        int8ptr: Option<i8>,
        /// A natural number of 8 bits that may be left out.
        uint8ptr: Option<u8>,
        /// An integer of 8 bits that may be left out.
        int8ptrptrptr: Option<i8>,
        /// A list of texts.
        slicestring: Vec<Arc<str>>,
        /// Numbers by integer.
        mapintfloat: FloatByInt,
        /// A struct.
        mixedstruct: Option<MixedStruct>,
        /// Any value.
        interface: Option<Value>,
        /// More text.
        anotherstr: Arc<str>,
        /// Refuse this declaration.
        validatebool: bool = false,
        /// Refuse this declaration with these words.
        validateerror: Arc<str>,
        /// Be applied together with all others that have this.
        alwaysgroup: bool = false,
        /// Of no effect: whether two declarations are equal is for the engine to say, whatever their kind.
        comparefail: bool = false,
        /// What is sent as `hello`; nothing is sent if this is empty.
        sendvalue: Arc<str>,
        /// Fail unless just these parameters are received from others.
        expectrecv: Option<Vec<Arc<str>>>,
        /// Log these parameters only; all that are given if empty.
        onlyshow: Vec<Arc<str>>,
        /// Milliseconds after which each check fails; 0: it does not.
        waitforerror: u64,
        /// Of no effect.
        comment: Arc<str>,
    }
}

/// Numbers by integer.
pub type FloatByInt = std::collections::BTreeMap<i64, f64>;

/// A struct of one field a type.
#[derive(Clone, Debug, PartialEq)]
pub struct MixedStruct {
    /// A boolean.
    pub somebool: bool,
    /// Text.
    pub somestr: Arc<str>,
    /// An integer.
    pub someint: i64,
    /// A number.
    pub somefloat: f64,
}

impl Param for MixedStruct {
    fn ty() -> Type {
        Type::Struct(vec![
            ("somebool".into(), Type::Bool),
            ("somestr".into(), Type::Str),
            ("someint".into(), Type::Int(Width::I64)),
            ("somefloat".into(), Type::Float),
        ])
    }

    fn from_value(value: &Value) -> Result<Self, String> {
        let fields = struct_fields::<Self>(value)?;
        Ok(Self {
            somebool: struct_field(fields, "somebool")?,
            somestr: struct_field(fields, "somestr")?,
            someint: struct_field(fields, "someint")?,
            somefloat: struct_field(fields, "somefloat")?,
        })
    }

    fn to_value(&self) -> Option<Value> {
        let fields = [
            (Arc::from("somebool"), Value::Bool(self.somebool)),
            (Arc::from("somestr"), Value::Str(self.somestr.clone())),
            (Arc::from("someint"), Value::Int(self.someint)),
            (Arc::from("somefloat"), Value::Float(self.somefloat)),
        ];
        Some(Value::Struct(Arc::new(fields)))
    }
}

/// What it sends as `answer`.
const ANSWER: i64 = 42;

/// The kind `test`.
#[derive(Debug)]
pub struct TestKind(KindDoc);

impl TestKind {
    /// The kind.
    #[expect(clippy::new_without_default, reason = "kinds are made in one way")]
    pub fn new() -> Self {
        let outputs = vec![
            OutputDecl {
                name: "hello",
                ty: Type::Str,
                doc: "What `sendvalue` says; none where that is empty.",
                secret: false,
            },
            OutputDecl { name: "answer", ty: Type::Int(Width::I64), doc: "42.", secret: false },
        ];
        Self(doc_of::<TestParams>("test", outputs))
    }
}

impl Kind for TestKind {
    fn describe(&self) -> &KindDoc {
        &self.0
    }

    fn build(&self, declaration: &Declaration) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        self.group(std::slice::from_ref(declaration))
    }

    fn capabilities(&self, declaration: &Declaration) -> Capabilities {
        let always = declaration.params.get("alwaysgroup") == Some(&Value::Bool(true));
        let waits = declaration.params.get("waitforerror").is_some();
        Capabilities {
            group: always.then(|| "always".into()),
            refreshable: true,
            unwatched: true,
            waits,
            ..Capabilities::default()
        }
    }

    fn group(&self, members: &[Declaration]) -> Result<Box<dyn Resource>, Vec<ParamError>> {
        let members = members.iter().map(Member::new).collect::<Result<Vec<_>, _>>()?;
        Ok(Box::new(TestResource { members }))
    }
}

#[derive(Debug)]
struct TestResource {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    params: TestParams,
    /// Its name and parameters, for the log.
    shown: String,
    received: Vec<Arc<str>>,
}

impl Member {
    fn new(declaration: &Declaration) -> Result<Self, Vec<ParamError>> {
        let params = TestParams::decode(&declaration.params)?;
        if params.validatebool {
            return Err(vec![ParamError::at("validatebool", "it asks to be refused")]);
        }
        if !params.validateerror.is_empty() {
            return Err(vec![ParamError::at("validateerror", &*params.validateerror)]);
        }
        let mut received: Vec<Arc<str>> =
            declaration.receives.iter().map(|receive| receive.param.into()).collect();
        received.sort();
        let is_asked =
            |name: &str| params.onlyshow.is_empty() || params.onlyshow.iter().any(|n| **n == *name);
        let is_secret = |name: &str| declaration.meta.sensitive.iter().any(|secret| **secret == *name);
        let mut shown = declaration.label.to_string();
        for (name, value) in declaration.params.iter().filter(|(name, _)| is_asked(name)) {
            shown.push_str(&match is_secret(name) {
                true => format!(" {name}=(sensitive)"),
                false => format!(" {name}={value}"),
            });
        }
        Ok(Self { params, shown, received })
    }
}

/// It was asked to fail.
#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error("it waited {0} ms to fail")]
    Waited(u64),
    #[error("it was to receive {expected:?}, and receives {received:?}")]
    Receives { expected: Vec<Arc<str>>, received: Vec<Arc<str>> },
}

#[async_trait]
impl Resource for TestResource {
    async fn check(&self, cx: &Cx) -> Result<Found, ResourceError> {
        let mut outputs = Outputs::none();
        for (at, member) in (0..).zip(&self.members) {
            let params = &member.params;
            if !cx.concerns(at) {
                continue;
            }
            tracing::info!(refresh = cx.refresh, "{}", member.shown);
            if let Some(mut expected) = params.expectrecv.clone() {
                expected.sort();
                if expected != member.received {
                    let received = member.received.clone();
                    return Err(ResourceError::user(TestError::Receives { expected, received }));
                }
            }
            if params.waitforerror > 0 {
                cx.sleep(Duration::from_millis(params.waitforerror)).await;
                return Err(ResourceError::transient(TestError::Waited(params.waitforerror)));
            }
            let hello = Some(params.sendvalue.clone()).filter(|text| !text.is_empty());
            outputs.send(at, "hello", hello.map(Value::Str));
            outputs.send(at, "answer", Some(Value::Int(ANSWER)));
        }
        Ok(Found { drift: Drift::none(), outputs })
    }

    async fn apply(&self, _: &Cx, _: Drift) -> Result<Outputs, ResourceError> {
        Ok(Outputs::none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Label;
    use crate::engine::declaration::Receive;
    use crate::resources::testing::{Bench, capabilities, refused, texts};

    #[tokio::test]
    async fn it_takes_every_type_changes_nothing_and_sends() {
        let bench = Bench::new();
        let sample = MixedStruct { somebool: true, somestr: "x".into(), someint: 1, somefloat: 0.5 };
        let params = [
            ("bool", Value::Bool(true)),
            ("uint64", Value::Int(i64::MAX)),
            ("int8ptrptrptr", Value::Int(-128)),
            ("slicestring", texts(["a"])),
            ("mapintfloat", Value::Map([(Value::Int(1), Value::Float(0.5))].into())),
            ("mixedstruct", sample.to_value().unwrap()),
            ("interface", texts(["any"])),
            ("sendvalue", Value::str("hi")),
        ];
        let ran = bench.build(&TestKind::new(), "t", &params).run().await;
        assert!(ran.drift.is_empty());
        assert_eq!(ran.sent("hello"), Some(&Value::str("hi")));
        assert_eq!(ran.sent("answer"), Some(&Value::Int(42)));
        let silent = bench.build(&TestKind::new(), "t", &[]).refresh().await;
        assert_eq!(silent.sent("hello"), None);
        assert_eq!(MixedStruct::from_value(&sample.to_value().unwrap()), Ok(sample));
    }

    #[test]
    fn it_is_refused_where_it_asks_for_that_and_where_types_do_not_fit() {
        let kind = TestKind::new();
        for (param, value, message) in [
            ("validatebool", Value::Bool(true), "asks to be refused"),
            ("validateerror", Value::str("no way"), "no way"),
            ("int8", Value::Int(200), "out of range"),
            ("mixedstruct", Value::Struct([].into()), "`somebool` is missing"),
        ] {
            let errors = refused(&kind, "t", &[(param, value)]);
            assert_eq!(errors[0].param, Some(param));
            assert!(errors[0].message.contains(message), "{errors:?}");
        }
    }

    #[tokio::test]
    async fn it_fails_in_time_and_where_it_receives_what_it_should_not() {
        let (bench, kind) = (Bench::new(), TestKind::new());
        let slow = bench.build(&kind, "t", &[("waitforerror", Value::Int(1))]);
        assert_eq!(slow.failure().await, "it waited 1 ms to fail");
        assert!(capabilities(&kind, "t", &[("waitforerror", Value::Int(1))]).waits);
        let expects = [("expectrecv", texts(["str"]))];
        let deaf = bench.build(&kind, "t", &expects);
        assert_eq!(deaf.failure().await, r#"it was to receive ["str"], and receives []"#);
        let mut declaration = Declaration::new(Label::new("test", "t"), expects.iter().cloned().collect());
        let from = Label::new("test", "s");
        declaration.receives = vec![Receive { param: "str", from, key: "hello".into(), entry: None }];
        let found = kind.build(&declaration).unwrap().check(&deaf.cx()).await.unwrap();
        assert!(found.drift.is_empty());
    }

    #[tokio::test]
    async fn a_group_sends_for_each_member() {
        let (bench, kind) = (Bench::new(), TestKind::new());
        let always = ("alwaysgroup", Value::Bool(true));
        assert!(capabilities(&kind, "t", std::slice::from_ref(&always)).group.is_some());
        assert!(capabilities(&kind, "t", &[]).group.is_none());
        let members: [(&str, &[_]); 2] = [
            ("a", &[always.clone(), ("sendvalue", Value::str("1"))]),
            ("b", &[always, ("sendvalue", Value::str("2"))]),
        ];
        let ran = bench.group(&kind, &members).run().await;
        let hellos = ran.outputs.iter().filter(|output| output.key == "hello");
        let hellos: Vec<_> = hellos.map(|output| (output.member, output.value.clone().unwrap())).collect();
        assert_eq!(hellos, [(0, Value::str("1")), (1, Value::str("2"))]);
    }
}
