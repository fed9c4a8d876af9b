export function decode(hex: string): string;
