/** 2^12 registers: the standard error is 1.04 / √4096 = 1.6 %. */
const REGISTER_BITS = 12;
const REGISTERS = 2 ** REGISTER_BITS;
const ALPHA = 0.7213 / (1 + 1.079 / REGISTERS);
/** Below it the number of empty registers says more. */
const SMALL = 2.5 * REGISTERS;

/**
 * Estimates how many different texts there are, in 4 KiB however many (HyperLogLog: Flajolet, Fusy, Gandouet, Meunier, 2007).
 * Its hash has 32 bits, so above some hundred million different texts it says too few.
 */
export class DistinctCounter {
  readonly #registers = new Uint8Array(REGISTERS);

  add(text: string): void {
    const hash = hashOf(text);
    const register = hash >>> (32 - REGISTER_BITS);
    const rank = Math.min(Math.clz32(hash << REGISTER_BITS), 32 - REGISTER_BITS) + 1;
    if (rank > (this.#registers[register] as number)) this.#registers[register] = rank;
  }

  get estimate(): number {
    let sum = 0;
    let empty = 0;
    for (const rank of this.#registers) {
      sum += 2 ** -rank;
      if (rank === 0) empty += 1;
    }
    const raw = (ALPHA * REGISTERS * REGISTERS) / sum;
    return Math.round(raw <= SMALL && empty > 0 ? REGISTERS * Math.log(REGISTERS / empty) : raw);
  }
}

/** FNV-1a over code units, with the last step of MurmurHash3, which spreads its bits. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
