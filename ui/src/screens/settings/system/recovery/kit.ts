/** Begins with the noun that a new repository touches: a kit that lacks one is stale. */
export const KIT = ["repositories", "kit"];
