import type { TabProps } from "../tabs";

export default function VersionsTab({ worker }: TabProps) {
  return <p className="p-6">{worker.name}</p>;
}
