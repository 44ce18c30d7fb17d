import type { TabProps } from "../tabs";

export function Overview({ worker }: TabProps) {
  return <p className="p-6">{worker.description}</p>;
}
