//! What goes through a server.

/// Messages, bytes and processor time, in and out together.
#[derive(Clone, Copy, Debug, Default)]
pub struct Flow {
    pub messages: f64,
    pub bytes: f64,
    pub cpu_s: f64,
}

impl Flow {
    pub fn add(&mut self, messages: f64, bytes: f64, cpu_s: f64) {
        self.messages += messages;
        self.bytes += bytes;
        self.cpu_s += cpu_s;
    }

    /// So much a second, over this many.
    pub fn per_second(self, seconds: f64) -> Self {
        Self { messages: self.messages / seconds, bytes: self.bytes / seconds, cpu_s: self.cpu_s / seconds }
    }

    pub fn plus(self, other: Self) -> Self {
        Self {
            messages: self.messages + other.messages,
            bytes: self.bytes + other.bytes,
            cpu_s: self.cpu_s + other.cpu_s,
        }
    }
}
