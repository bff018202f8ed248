type Rgb = readonly [number, number, number];

/** The ground of each scheme on which the accent has the least contrast, see the theme. */
const paper = { light: [242, 244, 247], dark: [27, 30, 36] } as const satisfies Record<string, Rgb>;

/** WCAG 2.2 section 1.4.3; a little more than 4.5 for rounding. */
const enough = 4.6;

function luminance(color: Rgb): number {
  const [red, green, blue] = color.map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/** Contrast ratio of two colours, 1 to 21 (WCAG 2.2, contrast ratio). */
export function contrast(one: Rgb, other: Rgb): number {
  const [lighter, darker] = [luminance(one), luminance(other)].sort((left, right) => right - left) as [number, number];
  return (lighter + 0.05) / (darker + 0.05);
}

function mix(color: Rgb, target: Rgb, share: number): Rgb {
  return color.map((channel, index) =>
    Math.round(channel + ((target[index] as number) - channel) * share),
  ) as unknown as Rgb;
}

const parse = (hex: string): Rgb => [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16)) as unknown as Rgb;

const format = (color: Rgb): string => `#${color.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;

/** The nearest tone of a colour that can be read on a ground, and under text in the ground's colour. */
function readable(color: Rgb, ground: Rgb, towards: Rgb): Rgb {
  for (let share = 0; share < 1; share += 0.04) {
    const tone = mix(color, towards, share);
    if (contrast(tone, ground) >= enough) return tone;
  }
  return towards;
}

/** An accent colour in both colour schemes, made darker or lighter as far as contrast asks for it. @param hex such as `#1f5eff` */
export function accentTones(hex: string): { light: string; dark: string } {
  const color = parse(hex);
  return {
    light: format(readable(color, paper.light, [0, 0, 0])),
    dark: format(readable(color, paper.dark, [255, 255, 255])),
  };
}
