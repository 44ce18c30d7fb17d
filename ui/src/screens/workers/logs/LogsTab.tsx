import type { TabProps } from "../tabs";

export default function LogsTab({ worker }: TabProps) {
  return <p className="p-6">{worker.name}</p>;
}
