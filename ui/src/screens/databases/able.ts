import type { DatabaseOut, EngineOut } from "@/api";

/** Whether the engine can do that to a database of its own; never asked by its name. */
export function isAble(engine: EngineOut | undefined, ability: string): boolean {
  return engine?.abilities.includes(ability) ?? false;
}

/** Somebody else's server or file: what is done to the server itself is not ours to do. */
export function isForeign({ host }: Pick<DatabaseOut, "host">): boolean {
  return host === "external";
}

/** It listens somewhere, so people can sign in to it. */
export function listens({ endpoint }: Pick<DatabaseOut, "endpoint">): boolean {
  return Boolean(endpoint?.port);
}
