//! What a backup knows of its sources, from one observation to the next.

use std::sync::Arc;

use super::catalog::Catalog;
use super::context::Context;
use super::ids::NameId;
use super::observation::{Observation, SeenLink};
use super::pin::Pins;
use super::policy::{Agreement, InWindow, Pinning};
use super::record::{Captured, Earlier, Hold};
use super::source::Source;
use crate::error::Result;
use crate::job::LiveFiles;

/// What is known of the sources, from one observation to the next.
pub struct Survey {
    /// All names that were met.
    pub catalog: Catalog,
    /// What holds files, for each source.
    pub pins: Vec<Pins>,
    /// The number of the last observation.
    pub number: u32,
    /// The files that the host named last, and their names here.
    pub named: Option<(Arc<LiveFiles>, Vec<NameId>)>,
    /// How many names took part in the agreement of the last observation.
    pub took_part: u64,
    /// The links of the last observation.
    pub links: Vec<SeenLink>,
    /// Whether files are shared now: ahead of the freeze, not in it.
    pub may_share: bool,
    /// All files that were shared since the capture began, those let go of again too.
    pub were_shared: Vec<NameId>,
}

impl Survey {
    /// Of sources of which nothing is known yet. What a crashed backup pinned in them is let go of.
    pub fn new(context: &Context<'_>) -> Result<Self> {
        let sources = &context.sources;
        let pins =
            |source: &Source| Pins::new(&source.dir, context.prepared.id, sources.len(), context.threads());
        let pins = sources.iter().map(pins).collect::<Result<_>>()?;
        let catalog = Catalog::new(sources.len());
        Ok(Self {
            catalog,
            pins,
            number: 0,
            named: None,
            took_part: 0,
            links: Vec::new(),
            may_share: false,
            were_shared: Vec::new(),
        })
    }

    /// A file was listed with this inode.
    pub fn list_file(&mut self, context: &Context<'_>, seen: &mut Observation, name: NameId, inode: u64) {
        let number = self.number;
        let record = &mut self.catalog[name];
        let policy = record.policy();
        let is_same = record.seen == number - 1 && record.inode == inode;
        (record.seen, record.inode) = (number, inode);
        if !is_same {
            // What was seen under that name before was perhaps another's.
            record.live = None;
        }
        seen.files.push(name);
        seen.has_mutable |= policy.in_window == InWindow::All;
        // A hook may have named it meanwhile, and another class of it.
        if record.shared().is_some_and(|shared| !shared.stays_for(record, number)) {
            record.hold = Hold::Free;
        }
        match &mut record.hold {
            _ if policy.pinning == Pinning::None => {}
            Hold::Shared(shared) => shared.seen = number,
            // A pin of another inode than the listing's may be of another file, which had the name for a
            // moment; where listings number differently (overlays), each observation pins anew.
            Hold::Pinned(pin) if pin.inode == inode => {
                if policy.in_window == InWindow::Nothing && pin.is_young() {
                    seen.to_look_at_again.push(name);
                }
            }
            _ => seen.to_pin.push(name),
        }
        if policy.stat {
            seen.live.push(name);
        } else if policy.agreement != Agreement::Nothing {
            seen.takes_part(is_same, || context.place(&self.catalog, name).path);
        }
    }

    /// Lets go of what has no name any more; not inside the window, where each call counts.
    pub fn drop_other_pins(&mut self) -> Result<()> {
        for name in self.catalog.names() {
            let source = self.catalog.source(name);
            let record = &mut self.catalog[name];
            if record.seen == self.number {
                continue;
            }
            if let Hold::Pinned(pin) = std::mem::replace(&mut record.hold, Hold::Free) {
                self.pins[source].drop_pin(pin)?;
            }
        }
        Ok(())
    }

    /// Lets go of all pins, but for what is known of the sizes of their files: the capture starts over.
    pub fn start_over(&mut self) -> Result<()> {
        self.pins.iter_mut().for_each(Pins::be_careful);
        for name in self.catalog.names() {
            let source = self.catalog.source(name);
            let record = &mut self.catalog[name];
            // What the capture before this one saw does not count any more.
            record.earlier = None;
            if let Hold::Pinned(pin) = std::mem::replace(&mut record.hold, Hold::Free) {
                let (inode, most) = (pin.inode, pin.most);
                record.earlier = Some(Box::new(Earlier { inode, most }));
                self.pins[source].drop_pin(pin)?;
            }
        }
        Ok(())
    }

    /// Nothing is captured any more of any file.
    pub fn forget_captured(&mut self) {
        for record in self.catalog.records_mut() {
            record.captured = Captured::Nothing;
            if record.shared().is_some() {
                record.hold = Hold::Free;
            }
        }
        self.were_shared.clear();
    }

    /// How many pins were made so far.
    pub fn pins_made(&self) -> u64 {
        self.pins.iter().map(Pins::made).sum()
    }

    /// Lets go of all pins, those that are descriptors too, and of what was known.
    pub fn unpin(&mut self) -> Result<()> {
        self.named = None;
        self.catalog = Catalog::new(self.pins.len());
        self.pins.iter_mut().try_for_each(Pins::remove)
    }
}
