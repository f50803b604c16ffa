//! The bus here of frames from there: its producer.

use framebus::bus::{BusName, CreateError, Numbered, ProducerOptions};
use framebus::clock::monotonic_ns;
use framebus::layout::{Format, PlaneSpec};
use framebus::{FrameMeta, Producer};
use framebus_tools::bridging::Receiving;
use zenoh::bytes::ZBytes;

use crate::keys::hash;
use crate::unpack::unpack_jpeg;
use crate::wire::{FrameHeader, Packing};
use framebus_tools::far_bus::FarBus;

/// A bus that is made of what another machine sends.
#[derive(Debug)]
pub(crate) struct LocalBus {
    far: FarBus,
    producer: Producer,
    /// What frames are.
    shape: Shape,
    /// Whose sequences these are, and what is added to them.
    epoch: (u64, u64),
    shift: u64,
    stalled: bool,
    /// Frames between those that came, of this far bus.
    lost: u64,
    published: u64,
    /// Whether a frame of this far bus has been published.
    begun: bool,
    jpeg: Vec<u8>,
}

/// What a frame has in common with the one before, or the bus is made anew.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    geometry: framebus::Geometry,
    planes: Vec<PlaneSpec>,
    millihertz: u32,
    generation: u64,
    epoch: (u64, u64),
}

/// What became of a frame.
#[derive(Debug)]
pub(crate) enum Published {
    /// It is on the bus.
    Yes,
    /// It is not newer than the newest.
    Late,
    /// It could not be kept, or decoded.
    Dropped(Option<String>),
}

impl Shape {
    fn of(header: &FrameHeader) -> Shape {
        let mut planes: Vec<PlaneSpec> = header.images.iter().map(|image| image.plane).collect();
        if header.metadata_room > 0 {
            planes.push(PlaneSpec::new(Format::META).divisor(header.metadata_room));
        }
        Shape {
            geometry: header.geometry,
            planes,
            millihertz: header.millihertz,
            generation: header.generation,
            epoch: (header.epoch_ms, header.origin),
        }
    }

    fn fps(&self) -> Option<f64> {
        (self.millihertz > 0).then(|| f64::from(self.millihertz) / 1000.0)
    }
}

impl LocalBus {
    /// Makes the bus for frames such as this one.
    pub(crate) fn create(
        far: &FarBus,
        bus: &BusName,
        receiving: &Receiving,
        header: &FrameHeader,
    ) -> Result<LocalBus, CreateError> {
        let shape = Shape::of(header);
        let options = ProducerOptions::new(bus.clone(), shape.geometry);
        let (consumers, history, mode) = (options.consumers, options.history, options.mode);
        let options = options
            .planes(shape.planes.clone())
            .nominal_fps(shape.fps())
            .consumers(receiving.consumers.unwrap_or(consumers))
            .history(receiving.history.unwrap_or(history))
            .mode(receiving.mode.unwrap_or(mode))
            .gid(receiving.group)
            .source(far.to_string());
        let producer = Producer::create(options)?;
        // After a kill the bus goes on with the sequences that it had.
        let shift = Self::shift(&producer, header.sequence);
        Ok(LocalBus {
            far: far.clone(),
            producer,
            epoch: shape.epoch,
            shape,
            shift,
            stalled: false,
            lost: 0,
            published: 0,
            begun: false,
            jpeg: Vec::new(),
        })
    }

    /// What has to be added to a far sequence so that the bus here goes on.
    fn shift(producer: &Producer, first: u64) -> u64 {
        (producer.stats().sequence + 1).saturating_sub(first)
    }

    /// Makes the bus anew where this frame is not as those before: consumers stay attached and follow.
    pub(crate) fn suit(&mut self, header: &FrameHeader) -> Result<bool, CreateError> {
        let shape = Shape::of(header);
        if shape == self.shape {
            return Ok(false);
        }
        if shape.epoch != self.epoch {
            self.epoch = shape.epoch;
            self.shift = Self::shift(&self.producer, header.sequence);
            self.begun = false;
        }
        let mut frames = self.producer.options().frames();
        frames.geometry = shape.geometry;
        frames.planes.clone_from(&shape.planes);
        frames.nominal_fps = shape.fps();
        self.producer.renew(frames)?;
        self.shape = shape;
        Ok(true)
    }

    /// Whether a frame is not newer than the newest.
    pub(crate) fn has_passed(&self, header: &FrameHeader) -> bool {
        let epoch = (header.epoch_ms, header.origin);
        epoch == self.epoch && header.sequence + self.shift <= self.producer.stats().sequence
    }

    /// Publishes a frame that was captured at this time of the clock here.
    pub(crate) fn publish(
        &mut self,
        header: &FrameHeader,
        payload: &ZBytes,
        capture_ns: u64,
    ) -> Published {
        let newest = self.producer.stats().sequence;
        let sequence = header.sequence.saturating_add(self.shift);
        if let Err(error) = self.producer.check_sequence(sequence) {
            return match sequence <= newest {
                true => Published::Late,
                false => Published::Dropped(Some(error.to_string())),
            };
        }
        if self.stalled {
            self.stalled = false;
            self.producer.set_stalled(false);
        }
        let origin = match header.origin {
            0 => self.origin(header.epoch_ms),
            origin => origin,
        };
        let mut claim = match self.producer.claim() {
            Ok(Some(claim)) => claim,
            Ok(None) => return Published::Dropped(None),
            Err(error) => return Published::Dropped(Some(error.to_string())),
        };
        let mut reader = Pieces::new(payload);
        let mut trouble = None;
        for image in &header.images {
            let Ok((plane, target)) = claim.find(image.plane) else {
                trouble = Some(format!("the bus has no plane {}", image.plane));
                break;
            };
            match image.packing {
                Packing::Raw => reader.copy_to(target),
                Packing::Jpeg => {
                    self.jpeg.resize(image.len as usize, 0);
                    reader.copy_to(&mut self.jpeg);
                    if let Err(error) = unpack_jpeg(&plane, &self.jpeg, target) {
                        trouble = Some(format!("its picture {error}"));
                        break;
                    }
                }
            }
        }
        if trouble.is_none() && header.metadata_len > 0 {
            let mut metadata = vec![0; header.metadata_len as usize];
            reader.copy_to(&mut metadata);
            trouble = claim
                .set_metadata(&metadata)
                .err()
                .map(|error| error.to_string());
        }
        if let Some(trouble) = trouble {
            drop(claim);
            self.producer.count_dropped();
            return Published::Dropped(Some(trouble));
        }
        let meta = FrameMeta {
            capture_ns: capture_ns.min(monotonic_ns()),
            wall_ns: header.wall_ns,
            source_frame: header.source_frame,
        };
        if let Err(error) = claim.publish_as(meta, Numbered { sequence, origin }) {
            return Published::Dropped(Some(error.to_string()));
        }
        // The first frame of a far bus says where its numbers begin, not what was missed.
        let lost = match std::mem::replace(&mut self.begun, true) {
            true => sequence.saturating_sub(newest + 1),
            false => 0,
        };
        self.lost += lost;
        self.producer.count_source_dropped(lost);
        self.published += 1;
        Published::Yes
    }

    /// Whose numbers its sequences are: the far bus's since it began to count.
    fn origin(&self, epoch_ms: u64) -> u64 {
        let name = self.far.to_string();
        hash(&[name.as_bytes(), &epoch_ms.to_le_bytes()]).max(1)
    }

    /// Says why there are no frames; once, until there are some again.
    pub(crate) fn stall(&mut self, reason: &str) -> bool {
        if self.stalled {
            return false;
        }
        self.stalled = true;
        self.producer.set_stall_reason(reason);
        self.producer.set_stalled(true);
        true
    }

    pub(crate) fn is_stalled(&self) -> bool {
        self.stalled
    }

    /// Frames that came, and frames between them that did not.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.published, self.lost)
    }

    /// Whether the bus still is this process's own.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        Ok(self.producer.check()?)
    }

    pub(crate) fn producer(&mut self) -> &mut Producer {
        &mut self.producer
    }
}

/// Reads a payload, which is in pieces as they came from the network.
struct Pieces<'a> {
    slices: zenoh::bytes::ZBytesSliceIterator<'a>,
    rest: &'a [u8],
}

impl<'a> Pieces<'a> {
    fn new(payload: &'a ZBytes) -> Pieces<'a> {
        Pieces {
            slices: payload.slices(),
            rest: &[],
        }
    }

    /// Copies the next bytes; the header was held to the payload's length.
    fn copy_to(&mut self, mut target: &mut [u8]) {
        while !target.is_empty() {
            if self.rest.is_empty() {
                match self.slices.next() {
                    Some(slice) => self.rest = slice,
                    None => return,
                }
            }
            let len = self.rest.len().min(target.len());
            let (now, later) = target.split_at_mut(len);
            let (first, rest) = self.rest.split_at(len);
            now.copy_from_slice(first);
            (target, self.rest) = (later, rest);
        }
    }
}

/// Whether a bus cannot be made however often it is tried.
pub(crate) fn is_final(error: &CreateError) -> bool {
    !matches!(error, CreateError::Full { .. })
}
