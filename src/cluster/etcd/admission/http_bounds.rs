//! What one connection may cost before anybody has looked at what it wants.

use std::time::Duration;

use hyper_util::server::conn::auto::Builder;

/// What a client may send of one request before who reads it has taken any of it, in bytes: the longest message.
const STREAM_WINDOW_BYTES: u32 = 2 << 20;
/// And of all requests of its connection: one that nobody reads does not hold up the others.
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;
/// The least that HTTP/2 allows (RFC 9113, section 4.2).
const FRAME_BYTES: u32 = 16 << 10;
/// All fields of a request. A token has some hundred bytes.
const FIELDS_BYTES: u32 = 16 << 10;
/// What waits to be written of one answer that is made bit by bit.
const SEND_BYTES: usize = 256 << 10;
/// Requests that were given up before anybody saw them; h2's own figure (CVE-2023-44487).
const GIVEN_UP: usize = 20;
/// Streams that were ended for what their client did wrong; hyper's own figure (RUSTSEC-2024-0003).
const WRONG: usize = 1_024;
/// Calls at a time on one connection, however many are wished for.
const CALLS: u32 = 65_536;
/// What is read ahead of a request of HTTP/1: the length of all its fields.
const HTTP1_BYTES: usize = 64 << 10;
/// Fields of a request of HTTP/1.
const HTTP1_FIELDS: usize = 64;
/// How long the fields of a request of HTTP/1 may take, and how long a connection may be idle before them.
const HTTP1_PATIENCE: Duration = Duration::from_secs(10);

/// Sets every bound of hyper's that a stranger could drive at.
///
/// The windows do not adapt: an adaptive one begins with 64 KiB, and a client that answers pings late makes it grow to
/// 16 MiB. These are what it may have the server hold at the worst, where a call does not read what comes: 4 MiB a
/// connection, and an identity with a certificate has 1,024 of those at the most. Where calls do read, which is nearly
/// always, what they hold is bounded for all together (`GuestBounds::bytes`). So 100,000 connections cost what they cost
/// idle, about 16 KiB each or 1.5 GiB, and with calls under way 512 MiB of requests, 0.5 GiB of calls and 256 MiB of changes
/// that wait. A connection of HTTP/1 holds 64 KiB.
pub fn bound<E>(builder: &mut Builder<E>, calls: u32) {
    builder.http1().max_buf_size(HTTP1_BYTES).max_headers(HTTP1_FIELDS).header_read_timeout(HTTP1_PATIENCE);
    builder
        .http2()
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_frame_size(FRAME_BYTES)
        .max_header_list_size(FIELDS_BYTES)
        .max_send_buf_size(SEND_BYTES)
        .max_pending_accept_reset_streams(GIVEN_UP)
        .max_local_error_reset_streams(WRONG)
        .max_concurrent_streams(calls.min(CALLS));
}
