// Ask before acting, from TypeScript. Types come from the published contract, and nothing is run without an allow:
//
//   npm install openapi-fetch openapi-typescript typescript@5 @types/node
//   npx openapi-typescript broker.v1.yaml --default-non-nullable false --output broker.v1.d.ts
//   TRUST_BROKER_URL=http://127.0.0.1:8080 TRUST_BROKER_KEY=tb_... node example.ts +34600000101 950.00

import { randomUUID } from "node:crypto";

import createClient from "openapi-fetch";

import type { components, paths } from "./broker.v1.d.ts";

type Answer = components["schemas"]["CheckView"];
const TIMEOUT_MS = 5_000;

const broker = createClient<paths>({
  baseUrl: process.env["TRUST_BROKER_URL"] ?? "http://127.0.0.1:8080",
  headers: { authorization: `Bearer ${process.env["TRUST_BROKER_KEY"] ?? ""}` },
});

/** One question; the same key again would be the same question. `undefined` when nothing was decided. */
async function ask(phoneNumber: string, eur: string): Promise<Answer | undefined> {
  try {
    const { data, error } = await broker.POST("/v1/trust-checks", {
      params: { header: { "Idempotency-Key": randomUUID() } },
      body: {
        subject: { phoneNumber },
        action: { type: "payment.transfer", amount: { value: eur, currency: "EUR" } },
        purpose: "FraudPreventionAndDetection",
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    if (error) console.error(`${error.code}: ${error.detail}`);
    return data;
  } catch (unreachable) {
    console.error(`no answer: ${unreachable instanceof Error ? unreachable.name : "unknown"}`);
    return undefined;
  }
}

/** Runs `action` under its receipt, or says why not. Anything but a settled allow is no. */
async function guarded(phoneNumber: string, eur: string, action: (receipt: string) => void): Promise<boolean> {
  const answer = await ask(phoneNumber, eur);
  if (answer?.decision === "allow" && answer.status === "settled" && answer.receipt) {
    action(answer.receipt);
    return true;
  }
  const steps = answer?.nextSteps.map((step) => step.method ?? step.type) ?? [];
  console.log(`not paid: ${answer?.decision ?? "no decision"}; next: ${steps.join(", ") || "nothing"}`);
  return false;
}

const [phoneNumber = "", eur = ""] = process.argv.slice(2);
const paid = await guarded(phoneNumber, eur, (receipt) => console.log(`paid, receipt of ${receipt.length} characters`));
process.exitCode = paid ? 0 : 1;
