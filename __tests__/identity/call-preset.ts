import * as presets from '../../adapters/identity.ts';
import type { AnyPreset, Row } from './rows.ts';

/** The table calls presets by name, with options that their types would refuse as well. */
export function callPreset({ preset }: Row, options: Record<string, unknown>): ReturnType<AnyPreset> {
  const found = new Map(Object.entries(presets) as unknown as [string, AnyPreset][]).get(preset);
  if (found === undefined) throw new Error(`no preset ${preset}`);
  return found(options);
}
