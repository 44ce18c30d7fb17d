// Vitest 5 asks for Node 22; on 20 it lacks this when it has a failure to tell.
const grouped = (made, put) => (items, by) => {
  const found = made();
  let at = 0;
  for (const item of items) put(found, by(item, at++), item);
  return found;
};
Map.groupBy ??= grouped(
  () => new Map(),
  (found, key, item) => (found.has(key) ? found.get(key).push(item) : found.set(key, [item])),
);
