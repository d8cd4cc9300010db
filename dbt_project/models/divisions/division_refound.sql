{{ refound() }}
