import type { TabProps } from "../tabs";

export default function SettingsTab({ worker }: TabProps) {
  return <p className="p-6">{worker.name}</p>;
}
