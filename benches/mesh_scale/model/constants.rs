//! What is measured, prescribed or assumed. What a benchmark is still to supply says "assumed".

use std::time::Duration;

/// What mesh and store prescribe.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// A host renews its lease so often: a third of the lease.
    pub renew_every: Duration,
    /// A host whose lease was not renewed for this long is lost (liveness is a lease of 15 s).
    pub lease: Duration,
    /// A server sends the renewals of its clients to the leader so often.
    pub batch_every: Duration,
    /// Heartbeats of the leader to each member a second: one each 100 ms, as etcd's default.
    pub heartbeats_per_s: f64,
    /// A server takes so many connections; assumed: two and a half times the clients that it is meant for, so that the
    /// clients of one that dies find room.
    pub most_connections: u32,
    /// A server refuses newcomers while its work is so far behind; assumed.
    pub most_backlog: Duration,
    /// A client that is refused asks so many servers, one after the other, before it waits; assumed.
    pub servers_a_round: u32,
    /// The first and the longest wait after such a round; it doubles, and is drawn by lot from half to one and a half of
    /// itself. Assumed.
    pub retry_after: (Duration, Duration),
    /// Clients of a server that says that it stops reconnect within this time, drawn by lot; assumed.
    pub spread: Duration,
    /// A client asks its server for a sign of life so often, and waits as long for the answer; assumed.
    pub ping: Duration,
    /// How long a connection attempt to a dead host takes; assumed.
    pub connect_timeout: Duration,
}

/// What hosts do. All of it is assumed: it depends on what people write.
#[derive(Clone, Debug)]
pub struct Load {
    /// Failure domains, of equal size.
    pub zones: usize,
    /// Resources that each host exports.
    pub exports: f64,
    /// What share of all exports each host collects.
    pub collected_share: f64,
    /// Bytes of an exported resource.
    pub payload_bytes: f64,
    /// How often each export changes.
    pub changes_an_hour: f64,
    /// How often a host's registration changes.
    pub registrations_an_hour: f64,
    /// Watches that each host holds open.
    pub watches: f64,
}

/// What things cost on a server.
#[derive(Clone, Debug)]
pub struct Costs {
    /// Cores that a store may use; assumed.
    pub cores: f64,
    /// What a server's network carries in each direction: 1 Gbit/s; assumed.
    pub nic_bytes_per_s: f64,
    /// Writes that the leader commits a second (measured: docs/STORE.md, three members, 1,000 clients).
    pub writes_per_s: f64,
    /// Processor time of a write (measured: docs/STORE.md, 39 to 52 µs a put).
    pub write_cpu_s: f64,
    /// Processor time of a watch event (measured: docs/STORE.md, 10,000 watchers in 31 ms).
    pub event_cpu_s: f64,
    /// Processor time of a lease renewal at the server that batches it; assumed.
    pub renewal_cpu_s: f64,
    /// Processor time of a message between members; assumed.
    pub peer_cpu_s: f64,
    /// Processor time of a new connection: TLS with certificates on both sides, the watches; assumed.
    pub connect_cpu_s: f64,
    /// Processor time of a refusal, before TLS; assumed.
    pub refusal_cpu_s: f64,
    /// Bytes of a new connection's handshake, both sides; assumed.
    pub connect_bytes: f64,
    /// What each small message takes beside its payload: TCP/IP and its acknowledgement, HTTP/2, gRPC, key and form
    /// (measured: bench/README.md, a change in a crowd of 60, without TLS).
    pub overhead_bytes: f64,
    /// Bytes of a registration; assumed.
    pub registration_bytes: f64,
    /// Bytes of one renewal in a batch: the lease's number.
    pub batched_renewal_bytes: f64,
    /// Memory of a key beside key and value (measured: docs/STORE.md, 500,000 keys of 256 bytes in 245 MB).
    pub key_memory_bytes: f64,
    /// Memory of a connection with TLS (measured without: bench/README.md, 37 KB with three watches and a lease; what TLS
    /// adds is assumed).
    pub connection_memory_bytes: f64,
    /// Memory of a watch; assumed.
    pub watch_memory_bytes: f64,
    /// Memory of an agent with an empty store (measured: bench/README.md).
    pub base_memory_bytes: f64,
    /// Time from a write's turn until it is agreed upon: a sync and a round trip (measured: bench/README.md, 3 to 4 ms alone
    /// on a disk whose syncs take 4 ms; the round trip is assumed).
    pub commit: Duration,
    /// A round trip; assumed.
    pub round_trip: Duration,
    /// Time that a store takes to start (measured: bench/README.md, from a host's start until it carries the store).
    pub start: Duration,
    /// What a snapshot is sent with, in bytes a second; assumed.
    pub snapshot_bytes_per_s: f64,
    /// Time that an agent is away when it restarts; assumed.
    pub restart: Duration,
}

impl Default for Protocol {
    fn default() -> Self {
        Self {
            renew_every: Duration::from_secs(5),
            lease: Duration::from_secs(15),
            batch_every: Duration::from_secs(1),
            heartbeats_per_s: 10.0,
            most_connections: 5000,
            most_backlog: Duration::from_secs(1),
            servers_a_round: 4,
            retry_after: (Duration::from_secs(1), Duration::from_secs(10)),
            spread: Duration::from_secs(1),
            ping: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self {
            zones: 3,
            exports: 1.0,
            collected_share: 0.01,
            payload_bytes: 300.0,
            changes_an_hour: 1.0,
            registrations_an_hour: 1.0,
            watches: 4.0,
        }
    }
}

impl Default for Costs {
    fn default() -> Self {
        Self {
            cores: 2.0,
            nic_bytes_per_s: 125e6,
            writes_per_s: 18_800.0,
            write_cpu_s: 45e-6,
            event_cpu_s: 3.1e-6,
            renewal_cpu_s: 20e-6,
            peer_cpu_s: 20e-6,
            connect_cpu_s: 1e-3,
            refusal_cpu_s: 30e-6,
            connect_bytes: 6000.0,
            overhead_bytes: 350.0,
            registration_bytes: 600.0,
            batched_renewal_bytes: 8.0,
            key_memory_bytes: 220.0,
            connection_memory_bytes: 40_960.0,
            watch_memory_bytes: 1024.0,
            base_memory_bytes: 21e6,
            commit: Duration::from_millis(5),
            round_trip: Duration::from_millis(1),
            start: Duration::from_millis(500),
            snapshot_bytes_per_s: 50e6,
            restart: Duration::from_secs(2),
        }
    }
}

/// All of them.
#[derive(Clone, Debug, Default)]
pub struct Constants {
    pub protocol: Protocol,
    pub load: Load,
    pub costs: Costs,
}
