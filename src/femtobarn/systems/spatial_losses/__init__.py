"""Maps trained and judged at chosen scales: nowcasting of heavy rain, and cells that a shower touches (SELF)."""
