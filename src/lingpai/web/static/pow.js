// A worker that finds the number an ALTCHA challenge asks for (version 2, PBKDF2): the one whose key begins as the challenge says.
// It is given the challenge and answers with the payload to send, base64 of JSON; or it fails.

const TOGETHER = 32; // tries under way at once: the browser spreads them over its cores, and they are waited for together
const MOST = 1000000;

const bytes = (hex) => Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hex = (found) => Array.from(found, (byte) => byte.toString(16).padStart(2, "0")).join("");

// The key that a number leads to: PBKDF2 of the nonce and the number, four bytes, the highest first.
async function derive(number, asked) {
  const password = new Uint8Array(asked.nonce.length + 4);
  password.set(asked.nonce);
  new DataView(password.buffer).setUint32(asked.nonce.length, number);
  const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
  const method = {name: "PBKDF2", hash: asked.hash, salt: asked.salt, iterations: asked.cost};
  return new Uint8Array(await crypto.subtle.deriveBits(method, key, asked.length * 8));
}

async function find(asked) {
  for (let first = 0; first < MOST; first += TOGETHER) {
    const keys = await Promise.all(Array.from({length: TOGETHER}, (_, place) => derive(first + place, asked)));
    const place = keys.findIndex((key) => asked.prefix.every((byte, at) => key[at] === byte));
    if (place >= 0) return {counter: first + place, derivedKey: hex(keys[place])};
  }
  throw new Error("nothing found");
}

onmessage = async ({data: challenge}) => {
  try {
    const {algorithm, nonce, salt, cost, keyLength, keyPrefix} = challenge.parameters;
    const [kind, hash] = algorithm.split("/");
    if (kind !== "PBKDF2") throw new Error(algorithm);
    const solution = await find({
      nonce: bytes(nonce), salt: bytes(salt), prefix: bytes(keyPrefix), hash, cost, length: keyLength,
    });
    postMessage({payload: btoa(JSON.stringify({challenge, solution}))});
  } catch (error) {
    postMessage({error: String(error)});
  }
};
