// Verify a receipt of the trust broker without asking it, on Node 22.18 or newer, with nothing to install.
//
// `verify` says whether the action may be done; `included` that the decision is in the broker's transparency log. Get the
// keys once, at /.well-known/jwks.json and /.well-known/log.vkey; the proof is GET .../receipt?proof=true. Run with a
// file it verifies {receipt, jwks, audience, action, proof, vkey} from there:  node verify-receipt.ts case.json

import { createHash, createHmac, createPublicKey, timingSafeEqual, verify as verified } from "node:crypto";
import { readFileSync } from "node:fs";

type Json = Record<string, any>;

/** The claims of a receipt that allows `action` now; throws where it does not. */
export function verify(token: string, jwks: Json, audience: string, action: Json): Json {
  const [head = "", body = "", signature = ""] = token.split(".");
  const header = JSON.parse(bytes(head).toString()), claims = JSON.parse(bytes(body).toString());
  if (header.alg !== "ES256" || header.typ !== "trust-receipt+jwt") throw new Error("not a receipt");
  const jwk = jwks["keys"].find((each: Json) => each["kid"] === header.kid);
  if (!jwk) throw new Error("not signed by one of these keys");
  const key = { key: createPublicKey({ key: jwk, format: "jwk" }), dsaEncoding: "ieee-p1363" as const };
  if (!verified("sha256", Buffer.from(`${head}.${body}`), key, bytes(signature))) throw new Error("forged");
  const now = Date.now() / 1000;
  if (now < claims.iat - 30 || now >= claims.exp || claims.exp > claims.iat + 300) throw new Error("not valid now");
  if (claims.aud !== audience || claims.decision !== "allow") throw new Error("for somebody else, or no allow");
  const digest = createHmac("sha256", bytes(claims.action_salt)).update(canonical(action)).digest();
  if (!same(digest, bytes(claims.action_digest))) throw new Error("for another action");
  return claims;
}

/** Returns where the log signed a tree that holds the decision; throws where it did not. */
export function included(claims: Json, proof: Json, vkey: string): void {
  const [name = "", id = "", ...rest] = vkey.trim().split("+");
  const cut = proof["checkpoint"].lastIndexOf("\n\n");
  const text: string = proof["checkpoint"].slice(0, cut + 1), lines: string = proof["checkpoint"].slice(cut + 2);
  const signatures = lines.split("\n").filter((line) => line.startsWith(`— ${name} `));
  const signed = signatures.map((line) => Buffer.from(line.split(" ")[2] ?? "", "base64"));
  const signature = signed.find((data) => data.subarray(0, 4).toString("hex") === id);
  const x = Buffer.from(rest.join("+"), "base64").subarray(1).toString("base64url");
  const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
  if (!signature || !verified(null, Buffer.from(text), key, signature.subarray(4))) throw new Error("not signed");
  const [origin, size, root = ""] = text.split("\n");
  let found = bytes(claims["leaf"]), at: number = proof["index"], last = Number(size) - 1;
  const step = (): void => { at = Math.floor(at / 2); last = Math.floor(last / 2); };
  for (const sibling of proof["hashes"].map(bytes)) { // RFC 9162 section 2.1.3.2
    if (at % 2 === 1 || at === last) {
      found = node(sibling, found);
      while (at > 0 && at % 2 === 0) step();
    } else found = node(found, sibling);
    step();
  }
  if (origin !== name || last !== 0 || !same(found, Buffer.from(root, "base64"))) throw new Error("not in the log");
}

/** RFC 8785 for what an action may hold: no fractions; the amount without trailing zeros. */
function canonical(value: any): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const told = { ...value };
  if ("currency" in told && told.value.includes(".")) told.value = told.value.replace(/0+$/, "").replace(/\.$/, "");
  const kept = Object.keys(told).sort().filter((name) => name !== "attributes" || Object.keys(told[name]).length > 0);
  return `{${kept.map((name) => `${JSON.stringify(name)}:${canonical(told[name])}`).join(",")}}`;
}

const bytes = (text: string): Buffer => Buffer.from(text, "base64url");
const node = (left: Buffer, right: Buffer): Buffer => createHash("sha256").update(Buffer.of(1)).update(left).update(right).digest();
const same = (one: Buffer, other: Buffer): boolean => one.length === other.length && timingSafeEqual(one, other);

const file = process.argv[2];
if (file) {
  const given = JSON.parse(readFileSync(file, "utf8"));
  const claims = verify(given.receipt, given.jwks, given.audience, given.action);
  included(claims, given.proof, given.vkey);
  console.log(`${claims["check"]} allows this, and is in the log`);
}
