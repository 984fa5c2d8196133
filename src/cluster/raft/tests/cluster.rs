//! A few replicas that hear one another at once, and whose disks write when they are told to.

use super::*;

pub(super) struct Cluster {
    pub replicas: BTreeMap<u64, Replica>,
    /// All that each wanted done, since it was last asked.
    outputs: BTreeMap<u64, Vec<Output>>,
    /// What is not done yet.
    pending: BTreeMap<u64, Vec<Output>>,
    /// Members that hear and say nothing.
    pub cut: Vec<u64>,
    /// Members whose disks do not finish.
    pub stuck: Vec<u64>,
    pub boots: u64,
}

impl Cluster {
    /// Voters, of whom nobody leads yet.
    pub fn new(voters: u64) -> Self {
        Self::with(voters, |_| {})
    }

    pub fn with(voters: u64, adapt: impl Fn(&mut Settings)) -> Self {
        let changes: Vec<ConfChange> =
            (1..=voters).map(|id| ConfChange { node_id: id, ..Default::default() }).collect();
        let mut cluster = Self {
            replicas: BTreeMap::new(),
            outputs: BTreeMap::new(),
            pending: BTreeMap::new(),
            cut: Vec::new(),
            stuck: Vec::new(),
            boots: 7,
        };
        (1..=voters).for_each(|id| cluster.start(id, &Saved::new_cluster(&changes), &adapt));
        cluster.run();
        cluster
    }

    /// Voters, of whom the first leads.
    pub fn led(voters: u64) -> Self {
        let mut cluster = Self::new(voters);
        cluster.ticks_of(1, 25);
        assert_eq!(cluster.leader(1), Some(1));
        cluster
    }

    pub fn start(&mut self, id: u64, saved: &Saved, adapt: impl Fn(&mut Settings)) {
        self.boots += 1;
        let mut settings = Settings::new(MemberId(id), self.boots, identify);
        adapt(&mut settings);
        self.replicas.insert(id, Replica::new(settings, saved).unwrap());
    }

    pub fn leader(&self, of: u64) -> Option<u64> {
        self.replicas[&of].leader().map(|leader| leader.0)
    }

    /// Gives one an input, and lets all settle.
    pub fn give(&mut self, id: u64, input: Input) {
        self.step(id, input);
        self.run();
    }

    /// Gives one an input; nothing of what follows is done.
    pub fn step(&mut self, id: u64, input: Input) {
        let replica = self.replicas.get_mut(&id).unwrap();
        replica.step(input, self.pending.entry(id).or_default());
    }

    /// Lets time go by for one.
    pub fn ticks_of(&mut self, id: u64, count: u32) {
        (0..count).for_each(|_| self.give(id, Input::Tick));
    }

    /// Lets time go by for all.
    pub fn ticks(&mut self, count: u32) {
        let ids: Vec<u64> = self.replicas.keys().copied().collect();
        for _ in 0..count {
            ids.iter().for_each(|id| self.step(*id, Input::Tick));
            self.run();
        }
    }

    /// Takes what one wanted done.
    pub fn take(&mut self, id: u64) -> Vec<Output> {
        std::mem::take(self.outputs.entry(id).or_default())
    }

    /// Does all that is to be done, until there is nothing.
    pub fn run(&mut self) {
        loop {
            let mut inputs = Vec::new();
            for (id, replica) in &mut self.replicas {
                let mut pending = self.pending.remove(id).unwrap_or_default();
                replica.flush(&mut pending);
                inputs.extend(pending.iter().filter_map(|output| match output {
                    Output::Persist(save) if !self.stuck.contains(id) => {
                        Some((*id, Input::Persisted { number: save.number }))
                    }
                    Output::Send(message) if !self.cut.contains(id) && !self.cut.contains(&message.to) => {
                        Some((message.to, Input::Message(message.clone())))
                    }
                    _ => None,
                }));
                self.outputs.entry(*id).or_default().extend(pending);
            }
            if inputs.is_empty() {
                return;
            }
            for (to, input) in inputs.into_iter().filter(|(to, _)| *to != 0) {
                if self.replicas.contains_key(&to) {
                    self.step(to, input);
                }
            }
        }
    }
}
