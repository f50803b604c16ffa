//! Codes of a scan (ITU-T T.81, annexes C and F): tables, and reading blocks with them.
//!
//! The data are laid out first: without the zeros behind 0xff, cut at the restart markers. Then no byte has to be looked at,
//! and whether a part was as long as its codes is seen at its end.

use multiversion::multiversion;

use super::idct::Block;

/// Bits that a table is asked for at once.
const LOOK: u32 = 10;
/// Bytes behind the data, so that 8 can be read at each place.
pub(super) const BEHIND: usize = 16;

/// In an entry of a table: bits to take, what to add to the place, and a value.
///
/// | bits | |
/// |---|---|
/// | 0..6 | bits of the code, or of code and value |
/// | 6..8 | [`VALUE`], [`LONG`] or neither |
/// | 8..16 | how many coefficients are passed over; [`STOP`] for an end |
/// | 16.. | the value; without `VALUE` the number of its bits, which follow |
type Entry = i32;

/// The value is in the entry.
const VALUE: Entry = 1 << 6;
/// The code is longer than `LOOK`.
const LONG: Entry = 1 << 7;
/// A block has ended.
const STOP: i32 = 64;

/// A table of codes.
#[derive(Debug, Clone)]
pub(super) struct Huffman {
    /// The segment's bytes that it was made of.
    made_of: Vec<u8>,
    quick: Box<[Entry; 1 << LOOK]>,
    /// For codes that are longer: for each length the first 16 bits that are no such code any more, and what to add to a
    /// code for its symbol's place.
    ends: [(u32, i32); 17],
    symbols: Vec<u8>,
}

impl Huffman {
    /// Makes a table of the counts of each length and the symbols; `None` when there are no such codes.
    pub(super) fn new(counts: &[u8], symbols: &[u8], ac: bool) -> Option<Huffman> {
        let mut table = Huffman {
            made_of: [counts, symbols].concat(),
            quick: Box::new([LONG; 1 << LOOK]),
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
                if length <= LOOK {
                    let first = (code << (LOOK - length)) as usize;
                    let symbol = *symbols.get(place)?;
                    for (offset, entry) in table.quick[first..][..1 << (LOOK - length)]
                        .iter_mut()
                        .enumerate()
                    {
                        *entry = entry_of(symbol, ac, length, offset as u32);
                    }
                }
                code += 1;
                place += 1;
            }
            table.ends[length as usize].0 = code << (16 - length);
            code <<= 1;
        }
        Some(table)
    }

    pub(super) fn is_of(&self, counts: &[u8], symbols: &[u8]) -> bool {
        self.made_of.len() == counts.len() + symbols.len()
            && self.made_of.starts_with(counts)
            && self.made_of.ends_with(symbols)
    }

    /// A code that is longer than `LOOK`: its entry.
    #[cold]
    fn long(&self, next: u32, ac: bool) -> Option<Entry> {
        for length in LOOK + 1..=16 {
            let (end, place) = self.ends[length as usize];
            if next < end {
                let place = (next >> (16 - length)) as i32 + place;
                let symbol = *self.symbols.get(usize::try_from(place).ok()?)?;
                return Some(bare_entry(symbol, ac, length));
            }
        }
        None
    }
}

/// The entry of a symbol whose value is not looked at.
fn bare_entry(symbol: u8, ac: bool, length: u32) -> Entry {
    let (run, size) = (i32::from(symbol >> 4), i32::from(symbol & 15));
    let passed = match (ac, run, size) {
        (false, ..) => 0,
        (true, 15, 0) => 15,
        (true, _, 0) => STOP,
        (true, ..) => run,
    };
    let size = if ac { size } else { i32::from(symbol).min(15) };
    size << 16 | passed << 8 | length as i32
}

/// The entry of a symbol, with its value where `LOOK` bits hold that too.
fn entry_of(symbol: u8, ac: bool, length: u32, behind: u32) -> Entry {
    let bare = bare_entry(symbol, ac, length);
    let size = (bare >> 16) as u32;
    if length + size > LOOK {
        return bare;
    }
    let bits = behind >> (LOOK - length - size) & ((1 << size) - 1);
    extended(bits, size) << 16 | (bare & 0xff00) | VALUE | (length + size) as i32
}

/// A value of so many bits: those that begin with 0 are negative (T.81, F.2.2.1).
#[inline(always)]
fn extended(bits: u32, size: u32) -> i32 {
    let negative = (bits as i32) < (1 << size) >> 1;
    bits as i32 - if negative { (1 << size) - 1 } else { 0 }
}

/// The bits of the data that were laid out.
#[derive(Debug)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The next bits, the first topmost.
    held: u64,
    count: u32,
}

impl<'a> Bits<'a> {
    /// Reads from a place on. `data` has [`BEHIND`] bytes more than are data.
    pub(super) fn new(data: &'a [u8], at: usize) -> Bits<'a> {
        let (held, count) = (0, 0);
        Bits {
            data,
            at,
            held,
            count,
        }
    }

    /// How many bytes were read, the last one maybe in part.
    pub(super) fn place(&self) -> usize {
        self.at - self.count as usize / 8
    }

    #[inline(always)]
    fn fetch(&mut self) {
        // Behind the end it stays there: what is wrong is seen when a part is complete.
        let from = self.at.min(self.data.len() - 8);
        let bytes = self.data[from..].first_chunk().copied().unwrap_or_default();
        self.held |= u64::from_be_bytes(bytes) >> self.count;
        self.at += (63 - self.count as usize) >> 3;
        self.count |= 56;
    }

    #[inline(always)]
    fn skip(&mut self, bits: u32) {
        self.held <<= bits;
        self.count -= bits;
    }

    #[inline(always)]
    fn entry(&mut self, table: &Huffman, ac: bool) -> Option<Entry> {
        // A code and its value have up to 31 bits.
        if self.count < 32 {
            self.fetch();
        }
        let entry = table.quick[(self.held >> (64 - LOOK)) as usize];
        if entry & LONG == 0 {
            return Some(entry);
        }
        table.long((self.held >> 48) as u32, ac)
    }

    /// The value of an entry, whose bits are taken.
    #[inline(always)]
    fn value(&mut self, entry: Entry) -> i32 {
        self.skip((entry & 63) as u32);
        if entry & VALUE != 0 {
            return entry >> 16;
        }
        let size = (entry >> 16) as u32;
        if size == 0 {
            return 0;
        }
        let bits = (self.held >> (64 - size)) as u32;
        self.skip(size);
        extended(bits, size)
    }

    /// Reads a block; returns the place of its last coefficient.
    #[inline(always)]
    fn block(&mut self, tables: &Tables<'_>, dc: &mut i32, block: &mut Block) -> Option<u8> {
        let entry = self.entry(tables.dc, false)?;
        *dc = dc.wrapping_add(self.value(entry));
        block[0] = dc.wrapping_mul(tables.quantisers[0]) as i16;
        let mut place = 1;
        let mut last = 0;
        while place < 64 {
            let entry = self.entry(tables.ac, true)?;
            place += entry >> 8 & 0xff;
            let value = self.value(entry);
            if place >= 64 {
                return (entry >> 8 & 0xff == STOP).then_some(last);
            }
            let index = (place & 63) as usize;
            block[usize::from(ZIGZAG[index])] = value.wrapping_mul(tables.quantisers[index]) as i16;
            last = index as u8;
            place += 1;
        }
        Some(last)
    }

    /// Passes over a block.
    #[inline(always)]
    fn pass(&mut self, tables: &Tables<'_>) -> Option<()> {
        let entry = self.entry(tables.dc, false)?;
        self.pass_value(entry);
        let mut place = 1;
        while place < 64 {
            let entry = self.entry(tables.ac, true)?;
            self.pass_value(entry);
            let passed = entry >> 8 & 0xff;
            if passed == STOP {
                return Some(());
            }
            place += passed + 1;
        }
        (place == 64).then_some(())
    }

    #[inline(always)]
    fn pass_value(&mut self, entry: Entry) {
        let value = if entry & VALUE == 0 { entry >> 16 } else { 0 };
        self.skip((entry & 63) as u32 + value as u32);
    }
}

/// What the blocks of a component are read with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tables<'a> {
    pub(super) dc: &'a Huffman,
    pub(super) ac: &'a Huffman,
    /// In zigzag order.
    pub(super) quantisers: &'a [i32; 64],
}

/// A component's part in a unit of a scan.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) tables: Tables<'a>,
    /// Blocks across and down.
    pub(super) across: usize,
    pub(super) down: usize,
    /// Where its blocks go, row by row of so many; nowhere when nobody wants them.
    pub(super) blocks: Option<&'a mut [Block]>,
    pub(super) last: &'a mut [u8],
    pub(super) in_row: usize,
    /// The value that the next one is told from.
    pub(super) dc: i32,
}

/// Reads units `from` to `to` of a row of units; `None` when there is no such code.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt"))]
pub(super) fn read_units<'a, 'b>(
    bits: &mut Bits<'a>,
    parts: &mut [Part<'b>],
    from: usize,
    to: usize,
) -> Option<()> {
    for unit in from..to {
        for part in parts.iter_mut() {
            let Some(blocks) = &mut part.blocks else {
                for _ in 0..part.across * part.down {
                    bits.pass(&part.tables)?;
                }
                continue;
            };
            for down in 0..part.down {
                for across in 0..part.across {
                    let number = down * part.in_row + unit * part.across + across;
                    part.last[number] =
                        bits.block(&part.tables, &mut part.dc, &mut blocks[number])?;
                }
            }
        }
    }
    Some(())
}

/// Where the coefficients of a block stand, which come in zigzag order: columns behind one another.
const ZIGZAG: [u8; 64] = [
    0, 8, 1, 2, 9, 16, 24, 17, 10, 3, 4, 11, 18, 25, 32, 40, 33, 26, 19, 12, 5, 6, 13, 20, 27, 34,
    41, 48, 56, 49, 42, 35, 28, 21, 14, 7, 15, 22, 29, 36, 43, 50, 57, 58, 51, 44, 37, 30, 23, 31,
    38, 45, 52, 59, 60, 53, 46, 39, 47, 54, 61, 62, 55, 63,
];
