"""The durable memory of the broker: tables, records, and one writer that commits many waiting units together."""
