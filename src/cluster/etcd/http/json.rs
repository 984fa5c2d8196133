//! Messages as JSON, the way etcd's gateway has them: 64-bit numbers as texts, bytes in base64, the names of the fields
//! as in the protocol, zeros left out.

use bytes::Bytes;
use prost::Message as _;
use prost_reflect::{DeserializeOptions, DynamicMessage, MessageDescriptor, SerializeOptions};
use tonic::Status;

/// The bytes of a message that came as JSON; without any, an empty message.
pub fn decode(kind: MessageDescriptor, json: &[u8]) -> Result<Bytes, Status> {
    if json.trim_ascii().is_empty() {
        return Ok(Bytes::new());
    }
    let mut reader = serde_json::Deserializer::from_slice(json);
    let options = DeserializeOptions::new();
    let message = DynamicMessage::deserialize_with_options(kind, &mut reader, &options);
    let message = message.map_err(|error| Status::invalid_argument(error.to_string()))?;
    reader.end().map_err(|error| Status::invalid_argument(error.to_string()))?;
    Ok(message.encode_to_vec().into())
}

/// A message as JSON, appended to a text.
pub fn encode(kind: MessageDescriptor, message: Bytes, json: &mut Vec<u8>) -> Result<(), Status> {
    let broken = |error: &dyn std::fmt::Display| Status::internal(format!("no JSON of an answer: {error}"));
    let message = DynamicMessage::decode(kind, message).map_err(|error| broken(&error))?;
    let options = SerializeOptions::new()
        .stringify_64_bit_integers(true)
        .use_proto_field_name(true)
        .skip_default_fields(true);
    let mut writer = serde_json::Serializer::new(json);
    message.serialize_with_options(&mut writer, &options).map_err(|error| broken(&error))
}

#[cfg(test)]
mod tests {
    use prost_reflect::prost::Message;

    use super::*;
    use crate::cluster::etcd::methods;
    use crate::cluster::etcd::pb::etcdserverpb::{PutRequest, RangeRequest};

    fn kind(path: &str) -> MessageDescriptor {
        methods::find(path).unwrap().input()
    }

    #[test]
    fn numbers_come_as_numbers_or_texts_and_enums_as_names_or_numbers() {
        for json in [
            r#"{"key":"Zm9v","limit":"7","sort_order":"DESCEND"}"#,
            r#"{"key":"Zm9v","limit":7,"sort_order":2}"#,
            r#"{"key":"Zm9v","limit":7,"sortOrder":2}"#,
        ] {
            let bytes = decode(kind("/etcdserverpb.KV/Range"), json.as_bytes()).unwrap();
            let read = RangeRequest::decode(bytes).unwrap();
            assert_eq!((&*read.key, read.limit, read.sort_order), (&b"foo"[..], 7, 2), "{json}");
        }
    }

    #[test]
    fn zeros_are_left_out_and_long_numbers_are_texts() {
        let request = PutRequest { key: "foo".into(), lease: 1 << 60, ..Default::default() };
        let mut json = Vec::new();
        encode(kind("/etcdserverpb.KV/Put"), request.encode_to_vec().into(), &mut json).unwrap();
        assert_eq!(String::from_utf8(json).unwrap(), r#"{"key":"Zm9v","lease":"1152921504606846976"}"#);
    }

    #[test]
    fn no_text_at_all_is_an_empty_message_and_what_is_not_known_is_refused() {
        assert_eq!(decode(kind("/etcdserverpb.KV/Put"), b"").unwrap(), Bytes::new());
        for json in ["{", r#"{"frob":1}"#, r#"{"key":"%%"}"#, "{} x"] {
            let status = decode(kind("/etcdserverpb.KV/Put"), json.as_bytes()).unwrap_err();
            assert_eq!(status.code(), tonic::Code::InvalidArgument, "{json}");
        }
    }
}
