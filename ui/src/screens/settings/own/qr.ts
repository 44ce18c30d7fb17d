/**
 * A QR code (ISO/IEC 18004) of a short text: bytes, error correction M, versions 1 to 20. Enough for an `otpauth:`
 * address with a long e-mail in it, and nothing an authenticator app could not read.
 */
export type Bits = readonly (readonly boolean[])[];
type Grid = boolean[][];

/** By version, from 1: check words of each block, and how many blocks. */
const CHECK = [10, 16, 26, 18, 24, 16, 18, 22, 22, 26, 30, 22, 22, 24, 24, 28, 28, 26, 26, 26];
const BLOCKS = [1, 1, 1, 2, 2, 4, 4, 4, 5, 5, 5, 8, 9, 9, 10, 10, 11, 13, 14, 16];
const MOST = CHECK.length;

/** Dark is true; without the quiet zone. Throws when the text is longer than version 20 holds. `mask` is for tests. */
export function qr(text: string, mask?: number): Bits {
  const bytes = [...new TextEncoder().encode(text)];
  const version = fitting(bytes.length);
  const size = version * 4 + 17;
  const dark = empty(size);
  const taken = empty(size);
  const put = (x: number, y: number, value: boolean) => {
    row(dark, y)[x] = value;
    row(taken, y)[x] = true;
  };
  drawFrame(size, version, put);
  drawFormat(size, 0, put); // its place is taken before the data is laid around it
  lay(interleaved(words(bytes, version), version), size, dark, taken);
  const masks = mask === undefined ? [0, 1, 2, 3, 4, 5, 6, 7] : [mask];
  const drawn = masks.map((each) => {
    const made = masked(dark, taken, each);
    drawFormat(size, each, (x, y, value) => {
      row(made, y)[x] = value;
    });
    return made;
  });
  return drawn.reduce((best, each) => (penalty(each) < penalty(best) ? each : best));
}

/** Modules as one SVG path, in units of a module. */
export function path(bits: Bits): string {
  return bits.flatMap((line, y) => line.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : ""))).join("");
}

function fitting(length: number): number {
  for (let version = 1; version <= MOST; version++) if (length + header(version) <= dataWords(version)) return version;
  throw new Error("too long for a QR code");
}

/** Words that mode and length take, with half a word to spare. */
function header(version: number): number {
  return version < 10 ? 2 : 3;
}

function allWords(version: number): number {
  let bits = (16 * version + 128) * version + 64;
  if (version >= 2) {
    const marks = Math.floor(version / 7) + 2;
    bits -= (25 * marks - 10) * marks - 55;
    if (version >= 7) bits -= 36;
  }
  return Math.floor(bits / 8);
}

function dataWords(version: number): number {
  return allWords(version) - at(CHECK, version - 1) * at(BLOCKS, version - 1);
}

function words(bytes: readonly number[], version: number): number[] {
  const bits: number[] = [];
  const add = (value: number, length: number) => {
    for (let bit = length - 1; bit >= 0; bit--) bits.push((value >>> bit) & 1);
  };
  const room = dataWords(version) * 8;
  add(4, 4);
  add(bytes.length, version < 10 ? 8 : 16);
  for (const byte of bytes) add(byte, 8);
  add(0, Math.min(4, room - bits.length));
  add(0, (8 - (bits.length % 8)) % 8);
  for (let pad = 0xec; bits.length < room; pad ^= 0xec ^ 0x11) add(pad, 8);
  return Array.from({ length: room / 8 }, (_, word) =>
    bits.slice(word * 8, word * 8 + 8).reduce((sum, bit) => sum * 2 + bit, 0),
  );
}

/** Blocks with their check words, one word of each in turn. The last blocks may be a word longer. */
function interleaved(data: readonly number[], version: number): number[] {
  const check = at(CHECK, version - 1);
  const count = at(BLOCKS, version - 1);
  const short = Math.floor(data.length / count);
  const divisor = generator(check);
  let from = 0;
  const blocks = Array.from({ length: count }, (_, block) => {
    const length = short + (block >= count - (data.length % count) ? 1 : 0);
    const own = data.slice(from, from + length);
    from += length;
    return { own, checks: remainder(own, divisor) };
  });
  const out: number[] = [];
  for (let word = 0; word <= short; word++)
    for (const { own } of blocks) if (word < own.length) out.push(at(own, word));
  for (let word = 0; word < check; word++) for (const { checks } of blocks) out.push(at(checks, word));
  return out;
}

/** In the field of 256 elements whose polynomial is 0x11d. */
function times(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >>> 7) * 0x11d);
    product ^= ((b >>> bit) & 1) * a;
  }
  return product;
}

function generator(degree: number): number[] {
  let made = [...Array<number>(degree - 1).fill(0), 1];
  let root = 1;
  for (let step = 0; step < degree; step++) {
    const before = made;
    made = before.map((each, place) => times(each, root) ^ (before[place + 1] ?? 0));
    root = times(root, 2);
  }
  return made;
}

function remainder(data: readonly number[], divisor: readonly number[]): number[] {
  const left = divisor.map(() => 0);
  for (const word of data) {
    const factor = word ^ (left.shift() ?? 0);
    left.push(0);
    divisor.forEach((each, place) => {
      left[place] = at(left, place) ^ times(each, factor);
    });
  }
  return left;
}

type Put = (x: number, y: number, value: boolean) => void;

function drawFrame(size: number, version: number, put: Put): void {
  for (let each = 0; each < size; each++) {
    put(6, each, each % 2 === 0);
    put(each, 6, each % 2 === 0);
  }
  for (const [cx, cy] of [
    [3, 3],
    [size - 4, 3],
    [3, size - 4],
  ] as const)
    ring(cx, cy, 4, size, put, (distance) => distance !== 2 && distance !== 4);
  const marks = alignment(version, size);
  const last = marks.at(-1);
  for (const x of marks)
    for (const y of marks) {
      const corner = (x === 6 && y === 6) || (x === 6 && y === last) || (x === last && y === 6);
      if (!corner) ring(x, y, 2, size, put, (distance) => distance !== 1);
    }
  if (version >= 7) {
    let left = version;
    for (let step = 0; step < 12; step++) left = (left << 1) ^ ((left >>> 11) * 0x1f25);
    const bits = (version << 12) | left;
    for (let bit = 0; bit < 18; bit++) {
      const far = size - 11 + (bit % 3);
      const near = Math.floor(bit / 3);
      put(far, near, ((bits >>> bit) & 1) === 1);
      put(near, far, ((bits >>> bit) & 1) === 1);
    }
  }
}

function ring(cx: number, cy: number, reach: number, size: number, put: Put, dark: (distance: number) => boolean) {
  for (let dy = -reach; dy <= reach; dy++)
    for (let dx = -reach; dx <= reach; dx++) {
      const [x, y] = [cx + dx, cy + dy];
      if (x >= 0 && y >= 0 && x < size && y < size) put(x, y, dark(Math.max(Math.abs(dx), Math.abs(dy))));
    }
}

function alignment(version: number, size: number): number[] {
  if (version === 1) return [];
  const count = Math.floor(version / 7) + 2;
  const step = Math.ceil((size - 13) / (count * 2 - 2)) * 2;
  return [6, ...Array.from({ length: count - 1 }, (_, mark) => size - 7 - step * (count - 2 - mark))];
}

/** Level M and the mask, twice, and the one module that is always dark. */
function drawFormat(size: number, mask: number, put: Put): void {
  let left = mask; // level M is 0
  for (let step = 0; step < 10; step++) left = (left << 1) ^ ((left >>> 9) * 0x537);
  const bits = ((mask << 10) | left) ^ 0x5412;
  for (let bit = 0; bit < 15; bit++) {
    const value = ((bits >>> bit) & 1) === 1;
    if (bit < 8) put(8, bit < 6 ? bit : bit + 1, value);
    else put(bit === 8 ? 7 : 14 - bit, 8, value);
    if (bit < 8) put(size - 1 - bit, 8, value);
    else put(8, size - 15 + bit, value);
  }
  put(8, size - 8, true);
}

/** Two columns at a time, up and down in turn, from the right. */
function lay(stream: readonly number[], size: number, dark: Grid, taken: Grid): void {
  let bit = 0;
  for (let right = size - 1; right >= 1; right -= 2) {
    const column = right <= 6 ? right - 1 : right;
    const upwards = ((column + 1) & 2) === 0;
    for (let step = 0; step < size; step++)
      for (const x of [column, column - 1]) {
        const y = upwards ? size - 1 - step : step;
        if (row(taken, y)[x] || bit >= stream.length * 8) continue;
        row(dark, y)[x] = ((at(stream, bit >>> 3) >>> (7 - (bit & 7))) & 1) === 1;
        bit += 1;
      }
  }
}

const MASKS: readonly ((x: number, y: number) => boolean)[] = [
  (x, y) => (x + y) % 2 === 0,
  (_x, y) => y % 2 === 0,
  (x) => x % 3 === 0,
  (x, y) => (x + y) % 3 === 0,
  (x, y) => (Math.floor(x / 3) + Math.floor(y / 2)) % 2 === 0,
  (x, y) => ((x * y) % 2) + ((x * y) % 3) === 0,
  (x, y) => (((x * y) % 2) + ((x * y) % 3)) % 2 === 0,
  (x, y) => (((x + y) % 2) + ((x * y) % 3)) % 2 === 0,
];

function masked(dark: Grid, taken: Grid, mask: number): Grid {
  const turns = at(MASKS, mask);
  return dark.map((line, y) => line.map((value, x) => (row(taken, y)[x] ? value : value !== turns(x, y))));
}

/** How hard it is to read: long runs, blocks, what looks like a finder, and too much of one colour. */
function penalty(bits: Bits): number {
  const lines = [...bits, ...bits.map((_, x) => bits.map((line) => line[x] ?? false))];
  let sum = 0;
  for (const line of lines) {
    const text = line.map((dark) => (dark ? "1" : "0")).join("");
    for (const run of text.match(/0{5,}|1{5,}/g) ?? []) sum += run.length - 2;
    for (const finder of ["10111010000", "00001011101"])
      for (let from = text.indexOf(finder); from >= 0; from = text.indexOf(finder, from + 1)) sum += 40;
  }
  for (let y = 1; y < bits.length; y++)
    for (let x = 1; x < bits.length; x++) {
      const here = bits[y]?.[x];
      if (here === bits[y]?.[x - 1] && here === bits[y - 1]?.[x] && here === bits[y - 1]?.[x - 1]) sum += 3;
    }
  const share = bits.flat().filter(Boolean).length / bits.length ** 2;
  return sum + Math.floor(Math.abs(share - 0.5) * 20) * 10;
}

function empty(size: number): Grid {
  return Array.from({ length: size }, () => Array<boolean>(size).fill(false));
}

/** Inside by construction; without a fallback a mistake here would draw a code that no app reads. */
function at<T>(list: readonly T[], place: number): T {
  const found = list[place];
  if (found === undefined) throw new Error(`no ${place} of ${list.length}`);
  return found;
}

function row(grid: Grid, y: number): boolean[] {
  return at(grid, y);
}
