// The same checkpoint and the same proofs, checked by a transparency log's client that nobody here wrote: sigstore's.
//
//   npm install @sigstore/verify@3.1.1        # anywhere outside this repository
//   tar xf run.kapell && node sigstore.mjs    # beside node_modules
import { createPublicKey } from "node:crypto";
import { createRequire } from "node:module";
import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";

const require = createRequire(join(process.cwd(), "x.js"));
// Its package offers the whole check of a signed artifact; these are the two steps of it that a log alone has.
const inside = dirname(require.resolve("@sigstore/verify"));
const { verifyCheckpoint } = require(join(inside, "tlog/checkpoint.js"));
const { verifyMerkleInclusion } = require(join(inside, "tlog/merkle.js"));

// NAME+HASH+BASE64; the first byte of the last part says Ed25519, and SPKI has twelve bytes before such a key.
const [, name, hash, encoded] = /^(.+?)\+([0-9a-f]{8})\+(.+)\n$/.exec(readFileSync("log.pub", "utf8"));
const der = Buffer.concat([Buffer.from("302a300506032b6570032100", "hex"), Buffer.from(encoded, "base64").subarray(1)]);
const key = createPublicKey({ key: der, format: "der", type: "spki" });
const logs = [{ baseURL: name, logID: Buffer.from(hash, "hex"), publicKey: key }];

const entries = readdirSync("entries").sort().flatMap((part) => readFileSync(join("entries", part), "utf8").trimEnd().split("\n"));
const proofs = readdirSync("proofs").sort();
for (const [place, file] of proofs.entries()) {
  const [way, ...note] = readFileSync(join("proofs", file), "utf8").split("\n\n");
  const [, index, ...hashes] = way.split("\n");
  const entry = {
    canonicalizedBody: Buffer.from(entries[place]),
    inclusionProof: {
      logIndex: index.slice("index ".length),
      hashes: hashes.map((hash) => Buffer.from(hash, "base64")),
      checkpoint: { envelope: note.join("\n\n") },
    },
  };
  verifyMerkleInclusion(entry, verifyCheckpoint(entry, logs));
}
console.log(`${proofs.length} entries stand in the log, as sigstore's client has it`);
