//! Whether the compressed data of a baseline JPEG are as many blocks as the image has (ITU-T T.81, annexes C and F).
//!
//! Nothing is transformed: the codes are followed, which shows damage in nearly every case. A decoder would go on with
//! whatever it reads. Progressive and arithmetic scans are not looked into.

/// Bytes that a writer may leave unused at the end of a scan: some pad.
const PADDING: usize = 64;

/// The tables that were defined so far.
#[derive(Default)]
pub(super) struct Tables {
    /// Of DC and AC, four each.
    huffman: [[Option<Huffman>; 4]; 2],
    restart_interval: usize,
    frame: Option<Frame>,
}

struct Frame {
    width: usize,
    height: usize,
    /// Identifier, and blocks of an interleaved unit across and down.
    components: Vec<(u8, usize, usize)>,
}

impl Tables {
    /// Takes what a segment defines; `None` when it is damaged.
    pub(super) fn define(&mut self, marker: u8, segment: &[u8]) -> Option<()> {
        match marker {
            0xc4 => self.define_huffman(segment)?,
            0xc0 | 0xc1 => self.frame = Some(Frame::of(segment)?),
            // Other ways to compress.
            0xc2..=0xcf if marker != 0xc8 && marker != 0xcc => self.frame = None,
            0xdd => self.restart_interval = usize::from(number(segment)?),
            _ => {}
        }
        Some(())
    }

    fn define_huffman(&mut self, mut segment: &[u8]) -> Option<()> {
        while let Some((&which, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_at_checked(16)?;
            let all = counts.iter().map(|count| usize::from(*count)).sum();
            let (symbols, rest) = rest.split_at_checked(all)?;
            let of_class = self.huffman.get_mut(usize::from(which >> 4))?;
            *of_class.get_mut(usize::from(which & 15))? = Some(Huffman::of(counts, symbols)?);
            segment = rest;
        }
        Some(())
    }

    /// Follows a scan; `None` when its data are damaged.
    pub(super) fn follow(&self, header: &[u8], data: &[u8]) -> Option<()> {
        let Some(frame) = self.frame.as_ref().filter(|frame| frame.height > 0) else {
            return Some(());
        };
        let (&count, selectors) = header.split_first()?;
        let mut blocks = Vec::new();
        let mut only = None;
        for selector in selectors.chunks_exact(2).take(count.into()) {
            let wanted = |component: &&(u8, usize, usize)| component.0 == selector[0];
            let &(_, across, down) = frame.components.iter().find(wanted)?;
            let table =
                |class: usize, number: u8| self.huffman[class].get(usize::from(number))?.as_ref();
            let tables = (table(0, selector[1] >> 4)?, table(1, selector[1] & 15)?);
            only = Some((across, down));
            let times = if count == 1 { 1 } else { across * down };
            blocks.extend(std::iter::repeat_n(tables, times));
        }
        let units = frame.units(only.filter(|_| count == 1));
        let mut bits = Bits::of(data);
        for unit in 0..units {
            if self.restart_interval > 0 && unit > 0 && unit % self.restart_interval == 0 {
                bits.restart()?;
            }
            for (dc, ac) in &blocks {
                bits.block(dc, ac)?;
            }
        }
        (bits.left() <= PADDING).then_some(())
    }
}

impl Frame {
    fn of(segment: &[u8]) -> Option<Frame> {
        let (head, components) = segment.split_at_checked(6)?;
        let of = |part: &[u8]| {
            (
                part[0],
                usize::from(part[1] >> 4),
                usize::from(part[1] & 15),
            )
        };
        let components: Vec<_> = components
            .chunks_exact(3)
            .take(head[5].into())
            .map(of)
            .collect();
        let fits = |&(_, across, down): &(u8, usize, usize)| {
            (1..=4).contains(&across) && (1..=4).contains(&down)
        };
        (!components.is_empty() && components.iter().all(fits)).then_some(Frame {
            height: number(&head[1..])?.into(),
            width: number(&head[3..])?.into(),
            components,
        })
    }

    /// How many units a scan has: of all components, or the blocks of the only one.
    fn units(&self, only: Option<(usize, usize)>) -> usize {
        let most = |of: fn(&(u8, usize, usize)) -> usize| self.components.iter().map(of).max();
        let (across, down) = (
            most(|one| one.1).unwrap_or(1),
            most(|one| one.2).unwrap_or(1),
        );
        let (width, height) = match only {
            Some((own_across, own_down)) => (
                (self.width * own_across).div_ceil(across),
                (self.height * own_down).div_ceil(down),
            ),
            None => (self.width.div_ceil(across), self.height.div_ceil(down)),
        };
        width.div_ceil(8) * height.div_ceil(8)
    }
}

/// A table of codes.
struct Huffman {
    /// Length and symbol of the code that 8 bits begin with; length 0 where it is longer.
    short: [(u8, u8); 256],
    /// For each length the first code that is too large, as 16 bits, and what to add to a code for its symbol's place.
    ends: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Huffman {
    fn of(counts: &[u8], symbols: &[u8]) -> Option<Huffman> {
        let mut table = Huffman {
            short: [(0, 0); 256],
            ends: [(0, 0); 17],
            symbols: symbols.to_vec(),
        };
        let (mut code, mut place) = (0_u32, 0_usize);
        for (length, &count) in (1_u32..).zip(counts) {
            table.ends[length as usize].1 = place as i32 - code as i32;
            for _ in 0..count {
                if code >> length != 0 {
                    return None;
                }
                if length <= 8 {
                    let first = (code << (8 - length)) as usize;
                    let all = first..first + (1 << (8 - length));
                    table.short[all].fill((length as u8, symbols[place]));
                }
                code += 1;
                place += 1;
            }
            table.ends[length as usize].0 = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }
}

/// The bits of a scan.
struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    held: u64,
    count: u32,
}

impl Bits<'_> {
    fn of(data: &[u8]) -> Bits<'_> {
        let (at, held, count) = (0, 0, 0);
        Bits {
            data,
            at,
            held,
            count,
        }
    }

    /// Fetches bytes up to the next marker.
    fn fetch(&mut self) {
        while self.count <= 48 {
            // A 0 behind a 0xff says that this is data, and no marker.
            let (byte, len) = match self.data.get(self.at..) {
                Some([0xff, 0, ..]) => (0xff, 2),
                Some([byte, ..]) if *byte != 0xff => (*byte, 1),
                _ => return,
            };
            self.at += len;
            self.held = self.held << 8 | u64::from(byte);
            self.count += 8;
        }
    }

    fn skip(&mut self, bits: u32) -> Option<()> {
        if self.count < bits {
            self.fetch();
        }
        self.count = self.count.checked_sub(bits)?;
        Some(())
    }

    fn symbol(&mut self, table: &Huffman) -> Option<u8> {
        if self.count < 16 {
            self.fetch();
        }
        // Behind the end there are zeros, which may be looked at and not be taken.
        let next = match self.count {
            0..16 => (self.held << (16 - self.count)) as u32 & 0xffff,
            _ => (self.held >> (self.count - 16)) as u32 & 0xffff,
        };
        let (length, symbol) = table.short[(next >> 8) as usize];
        if length > 0 {
            self.skip(length.into())?;
            return Some(symbol);
        }
        for length in 9..=16 {
            let (end, place) = table.ends[length];
            if next < end {
                self.skip(length as u32)?;
                let place = (next >> (16 - length)) as i32 + place;
                return table.symbols.get(usize::try_from(place).ok()?).copied();
            }
        }
        None
    }

    fn block(&mut self, dc: &Huffman, ac: &Huffman) -> Option<()> {
        let size = self.symbol(dc)?;
        self.skip(u32::from(size).min(16))?;
        let mut place = 1;
        while place < 64 {
            let symbol = self.symbol(ac)?;
            let (run, size) = (symbol >> 4, symbol & 15);
            match (run, size) {
                (15, 0) => place += 16,
                (_, 0) => break,
                _ => {
                    place += run + 1;
                    self.skip(size.into())?;
                }
            }
            if place > 64 {
                return None;
            }
        }
        Some(())
    }

    /// Passes over the restart marker that has to be here.
    fn restart(&mut self) -> Option<()> {
        (self.count, self.held) = (0, 0);
        // Bytes that were fetched are before the marker; some writers leave some unused.
        let rest = self.data.get(self.at..)?;
        let marker = rest
            .windows(2)
            .position(|pair| matches!(pair, [0xff, 0xd0..=0xd7]))?;
        self.at += marker + 2;
        (marker <= PADDING).then_some(())
    }

    /// How many bytes nobody needed.
    fn left(&self) -> usize {
        self.data.len() - self.at + self.count as usize / 8
    }
}

fn number(bytes: &[u8]) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.first()?, *bytes.get(1)?]))
}
